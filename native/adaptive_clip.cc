#include <algorithm>
#include <cmath>

#include "channels.h"
#include "op.h"
#include "threads.h"

/*
 * RecnextAdaptiveClip(gradient, parameter; factor, groups, inner, units, min_weight_norm, min_gradient_norm) -> clipped
 *
 * Both are [rows, groups, inner, units]; a unit is one of groups * units. Its gradient is scaled down to a norm of at most
 * factor * max(norm of its weights, min_weight_norm).
 */

namespace recnext {
namespace {

/** Elements a thread is worth waking for. */
constexpr int64_t kGrain = 32768;

/** max(x, least), not a number if x is none. */
inline float AtLeast(float x, float least) { return x <= least ? least : x; }

struct AdaptiveClipKernel {
  explicit AdaptiveClipKernel(const Attributes& attributes)
      : factor(attributes.Float("factor")),
        min_weight(attributes.Float("min_weight_norm")),
        min_gradient(attributes.Float("min_gradient_norm")),
        groups(attributes.Int("groups")),
        inner(attributes.Int("inner")),
        units(attributes.Int("units")) {
    attributes.Check(groups > 0 && inner > 0 && units > 0, "groups, inner, units: expected 1 or more");
  }

  void Compute(Context& context) {
    const Context::Input gradient = context.Get(0), parameter = context.Get(1);
    if (!context.Check(gradient.shape == parameter.shape,
                       "gradient: expected " + Text(parameter.shape) + ", found " + Text(gradient.shape)))
      return;
    const int64_t row = groups * inner * units;
    if (!context.Check(gradient.size % row == 0,
                       "gradient: expected a multiple of " + std::to_string(row) + " elements, found " + Text(gradient.shape)))
      return;
    float* const out = context.OutputInPlaceOf({0}, 0, gradient.shape);
    if (!context.ok()) return;
    if (row == 1) return ClipVector(gradient.data, parameter.data, gradient.size, out);
    const int64_t rows = gradient.size / row, blocks = (units + 4 * kLanes - 1) / (4 * kLanes);
    const int64_t tasks = groups * blocks;
    ParallelRanges(tasks, std::max<int64_t>(1, kGrain * tasks / std::max<int64_t>(1, gradient.size)),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t task = begin; task < end; task++) {
                       const int64_t first = task % blocks * 4 * kLanes, at = task / blocks * inner * units + first;
                       EachBlock(std::min<int64_t>(units - first, 4 * kLanes), [&](auto block, int64_t) {
                         ClipUnits(block, gradient.data + at, parameter.data + at, rows, row, out + at);
                       });
                     }
                   });
  }

  /** Some neighbouring units of one group. */
  template <int V>
  void ClipUnits(const Channels<V>& lanes, const float* gradient, const float* parameter, int64_t rows, int64_t step,
                 float* out) const {
    Sums<V> squares;
    for (int64_t r = 0; r < rows; r++)
      for (int64_t i = 0; i < inner; i++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) {
          const int64_t at = r * step + i * units;
          const Vec g = lanes.Take(gradient + at, v), p = lanes.Take(parameter + at, v);
          squares.first[v] += g * g;
          squares.second[v] += p * p;
        }
    Vec scale[V];
    for (int v = 0; v < V; v++)
      for (int lane = 0; lane < kLanes; lane++) scale[v][lane] = Scale(squares.first[v][lane], squares.second[v][lane]);
    for (int64_t r = 0; r < rows; r++)
      for (int64_t i = 0; i < inner; i++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) {
          const int64_t at = r * step + i * units;
          lanes.Put(out + at, v, lanes.Take(gradient + at, v) * scale[v]);
        }
  }

  /** A vector, which is one unit. */
  void ClipVector(const float* gradient, const float* parameter, int64_t size, float* out) const {
    Vec g{}, p{};
    EachVector(size, [&](int64_t i, int count) {
      const Vec a = LoadSome(gradient + i, count), b = LoadSome(parameter + i, count);
      g += a * a;
      p += b * b;
    });
    const float scale = Scale(Sum(g), Sum(p));
    EachVector(size, [&](int64_t i, int count) { StoreSome(out + i, LoadSome(gradient + i, count) * scale, count); });
  }

  float Scale(float gradient, float parameter) const {
    const float ratio =
        AtLeast(parameter, min_weight * min_weight) * (factor * factor) / AtLeast(gradient, min_gradient * min_gradient);
    return ratio >= 1 ? 1 : std::sqrt(ratio);
  }

  const float factor, min_weight, min_gradient;
  const int64_t groups, inner, units;
};

const Operation<AdaptiveClipKernel> adaptive_clip(
    "RecnextAdaptiveClip", {"gradient: float", "parameter: float"}, {"clipped: float"},
    {"factor: float", "groups: int = 1", "inner: int = 1", "units: int = 1", "min_weight_norm: float",
     "min_gradient_norm: float"},
    &SameAsInput<0>);

}  // namespace
}  // namespace recnext
