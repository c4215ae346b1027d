#include <cmath>

#include "op.h"
#include "threads.h"
#include "vector.h"

/*
 * RecnextAdamW(param, m, v, grad, lr, correction1, correction2, grad_scale; beta1, beta2, epsilon, weight_decay)
 *   -> new_param, new_m, new_v
 *
 * One step of AdamW as PyTorch computes it, in one pass: g = grad grad_scale; param shrinks by lr weight_decay; m and v are the running
 * means of g and g^2; param -= lr / correction1 m / (sqrt(v / correction2) + epsilon). correction1 = 1 - beta1^t, correction2 =
 * 1 - beta2^t; lr, the corrections and grad_scale (gradient clipping, loss scaling) are scalars. The C API of TensorFlow 2.21 gives
 * no access to variables: the caller assigns the results.
 */

namespace recnext {
namespace {

constexpr int64_t kGrain = 16384;

struct AdamWKernel {
  explicit AdamWKernel(const Attributes& attributes)
      : beta1(attributes.Float("beta1")),
        beta2(attributes.Float("beta2")),
        epsilon(attributes.Float("epsilon")),
        weight_decay(attributes.Float("weight_decay")) {}

  void Compute(Context& context) {
    const Context::Input param = context.Get(0);
    const char* const names[] = {"m", "v", "grad"};
    const float* same[3];
    for (int i = 0; i < 3; i++) {
      const Context::Input input = context.Get(1 + i);
      if (!context.Check(input.shape == param.shape, std::string("RecnextAdamW: ") + names[i] + " has shape " +
                                                         Text(input.shape) + ", param has " + Text(param.shape)))
        return;
      same[i] = input.data;
    }
    float scalars[4];
    for (int i = 0; i < 4; i++) {
      const Context::Input input = context.Get(4 + i);
      if (!context.Check(input.rank() == 0, "RecnextAdamW: expected scalars after grad, found " + Text(input.shape)))
        return;
      scalars[i] = input.data[0];
    }
    float* const new_param = context.OutputInPlaceOf({0}, 0, param.shape);
    float* const new_m = context.OutputInPlaceOf({1}, 1, param.shape);
    float* const new_v = context.OutputInPlaceOf({2}, 2, param.shape);
    if (!context.ok()) return;

    const float lr = scalars[0], step = lr / scalars[1], rooted = 1 / std::sqrt(scalars[2]), scale = scalars[3];
    const float keep = 1 - lr * weight_decay;
    const auto update = [&](int64_t i, int count) {
      const Vec g = LoadSome(same[2] + i, count) * scale;
      const Vec old_m = LoadSome(same[0] + i, count);
      const Vec m = old_m + (g - old_m) * (1 - beta1);
      const Vec v = LoadSome(same[1] + i, count) * beta2 + g * g * (1 - beta2);
      Vec root;
      for (int lane = 0; lane < kLanes; lane++) root[lane] = std::sqrt(v[lane]);
      const Vec p = LoadSome(param.data + i, count) * keep - step * m / (root * rooted + epsilon);
      StoreSome(new_m + i, m, count);
      StoreSome(new_v + i, v, count);
      StoreSome(new_param + i, p, count);
    };
    ParallelRanges(param.size, kGrain, [&](int64_t begin, int64_t end) {
      int64_t i = begin;
      for (; i + kLanes <= end; i += kLanes) update(i, kLanes);
      if (i < end) update(i, static_cast<int>(end - i));
    });
  }

  const float beta1, beta2, epsilon, weight_decay;
};

void Shapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  for (int output = 0; output < 3; output++) SetSame(context, status, output, 0);
}

const Operation<AdamWKernel> adamw("RecnextAdamW",
                                   {"param: float", "m: float", "v: float", "grad: float", "lr: float",
                                    "correction1: float", "correction2: float", "grad_scale: float"},
                                   {"new_param: float", "new_m: float", "new_v: float"},
                                   {"beta1: float = 0.9", "beta2: float = 0.999", "epsilon: float = 0.00000001",
                                    "weight_decay: float = 0.0"},
                                   &Shapes);

}  // namespace
}  // namespace recnext
