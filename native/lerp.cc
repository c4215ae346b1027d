#include "channels.h"
#include "op.h"
#include "threads.h"

/* RecnextLerp(value, towards, share) -> value + (towards - value) share; share is a scalar. */

namespace recnext {
namespace {

constexpr int64_t kGrain = 65536;

struct LerpKernel {
  explicit LerpKernel(const Attributes&) {}
  void Compute(Context& context) {
    const Context::Input value = context.Get(0), towards = context.Get(1), share = context.Get(2);
    if (!context.Check(value.shape == towards.shape,
                       "towards: expected " + Text(value.shape) + ", found " + Text(towards.shape)) ||
        !context.Check(share.size == 1, "share: expected a scalar, found " + Text(share.shape)))
      return;
    float* const out = context.OutputInPlaceOf({0}, 0, value.shape);
    if (!context.ok()) return;
    const float part = share.data[0];
    ParallelRanges(value.size, kGrain, [&](int64_t begin, int64_t end) {
      EachVector(end - begin, [&](int64_t i, int count) {
        const Vec from = LoadSome(value.data + begin + i, count);
        StoreSome(out + begin + i, from + (LoadSome(towards.data + begin + i, count) - from) * part, count);
      });
    });
  }
};

const Operation<LerpKernel> lerp("RecnextLerp", {"value: float", "towards: float", "share: float"}, {"out: float"}, {},
                                 &SameAsInput<0>);

}  // namespace
}  // namespace recnext
