#include "gelu.h"

#include "channels.h"
#include "op.h"
#include "threads.h"

/*
 * RecnextGelu(x) -> y: x * (1 + erf(x / sqrt 2)) / 2, any shape, one pass.
 * RecnextGeluGrad(dy, x) -> dx: dy times its derivative.
 */

namespace recnext {
namespace {

/** Elements a thread is worth waking for. */
constexpr int64_t kGrain = 16384;

template <typename T>
struct GeluKernel {
  explicit GeluKernel(const Attributes&) {}
  void Compute(Context& context) {
    const auto x = context.Get<T>(0);
    T* const y = context.OutputInPlaceOf<T>({0}, 0, x.shape);
    if (!context.ok()) return;
    ParallelRanges(x.size, kGrain, [&](int64_t begin, int64_t end) {
      EachVector(end - begin, [&](int64_t at, int count) {
        const int64_t i = begin + at;
        StoreSome(y + i, Gelu(LoadSome(x.data + i, count)), count);
      });
    });
  }
};

struct GeluGradKernel {
  explicit GeluGradKernel(const Attributes&) {}
  void Compute(Context& context) {
    const Context::Input dy = context.Get(0);
    const Context::Input x = context.Get(1);
    if (!context.Check(dy.shape == x.shape,
                       "RecnextGeluGrad: dy has shape " + Text(dy.shape) + ", x has " + Text(x.shape)))
      return;
    float* const dx = context.OutputInPlaceOf({0, 1}, 0, x.shape);
    if (!context.ok()) return;
    ParallelRanges(x.size, kGrain, [&](int64_t begin, int64_t end) {
      EachVector(end - begin, [&](int64_t at, int count) {
        const int64_t i = begin + at;
        StoreSome(dx + i, LoadSome(dy.data + i, count) * GeluDerivative(LoadSome(x.data + i, count)), count);
      });
    });
  }
};

const TypedOperation<GeluKernel> gelu("RecnextGelu", {"x: T"}, {"y: T"}, {kFeatureType}, &SameAsInput<0>);
const Operation<GeluGradKernel> gelu_grad("RecnextGeluGrad", {"dy: float", "x: float"}, {"dx: float"}, {},
                                          &SameAsInput<1>);

}  // namespace
}  // namespace recnext
