#include "depthwise.h"
#include "threads.h"

/*
 * RecnextDepthwiseConvFilterGrad(x, dy; kernel, stride, multiplier) -> dfilter [K, K, C, m]
 *
 * dfilter[ky, kx, c, q] is the sum over batch and positions of x at the tap times dy. As many rows of taps as the processor has
 * registers for are summed at once, over rows that lie packed in the first-level cache. The batch is cut into a fixed number of
 * parts, each with its own sums, so that the result does not depend on threads.
 */

namespace recnext {
namespace {

constexpr int64_t kParts = 8;

/** Adds a row's share to `G` rows of `K` taps: `sums` has G * K vectors. */
template <int K, int S, int G>
inline void AddRow(const float* const* rows, const float* dy, int64_t width, float* sums) {
  Vec sum[G][K];
#pragma GCC unroll 8
  for (int g = 0; g < G; g++)
#pragma GCC unroll 8
    for (int k = 0; k < K; k++) sum[g][k] = Load(sums + (g * K + k) * kLanes);
  const float* row[G];
  for (int g = 0; g < G; g++) row[g] = rows[g];
  for (int64_t i = 0; i < width; i++) {
    const Vec d = Load(dy + i * kLanes);
#pragma GCC unroll 8
    for (int g = 0; g < G; g++)
#pragma GCC unroll 8
      for (int k = 0; k < K; k++) sum[g][k] += d * Load(row[g] + (i * S + k) * kLanes);
  }
#pragma GCC unroll 8
  for (int g = 0; g < G; g++)
#pragma GCC unroll 8
    for (int k = 0; k < K; k++) Store(sums + (g * K + k) * kLanes, sum[g][k]);
}

/** Rows of taps that fit into registers beside one of dy and one of x. */
template <int K>
constexpr int kGroup = std::max(1, std::min(K, (kRegisters - 3) / K));

template <int K, int S>
struct ImageSums {
  /** Adds one image and block of channels to `sums`: for each q, K * K vectors. */
  static void Run(const DepthwiseShape& shape, const float* x, const float* dy, int64_t block, RowWindow<float>& window,
                  float* line, float* sums) {
    constexpr int G = kGroup<K>;
    const int64_t first = block * kLanes;
    const int count = static_cast<int>(std::min<int64_t>(kLanes, shape.channels - first));
    const int64_t out_width = shape.out_width(), out_step = shape.out_channels();
    const int m = static_cast<int>(shape.multiplier);
    window.Open(x + first, shape.height, shape.channels, count, false);
    for (int64_t oy = 0; oy < shape.out_height(); oy++) {
      const float* rows[K];
      for (int k = 0; k < K; k++) rows[k] = window.Row(oy * S - K / 2 + k);
      for (int q = 0; q < m; q++) {
        const float* from = dy + oy * out_width * out_step + first * m + q;
        if (m == 1)
          PackRow(from, out_width, out_step, count, line);
        else
          PackRowOfPairs(from, out_width, out_step, count, line);
        float* const to = sums + q * K * K * kLanes;
        int k = 0;
        for (; k + G <= K; k += G) AddRow<K, S, G>(rows + k, line, out_width, to + k * K * kLanes);
        if constexpr (K % G != 0) AddRow<K, S, K % G>(rows + k, line, out_width, to + k * K * kLanes);
      }
    }
  }
};

struct FilterGradKernel {
  explicit FilterGradKernel(const Attributes& attributes)
      : depthwise(attributes, true), multiplier(attributes.Int("multiplier")) {
    attributes.Check(multiplier == 1 || multiplier == 2,
                     "multiplier: expected 1 or 2, found " + std::to_string(multiplier));
  }

  void Compute(Context& context) {
    const Context::Input x = context.Get(0);
    const Context::Input dy = context.Get(1);
    if (!context.Check(x.rank() == 4 && x.size > 0, "x: expected [batch, height, width, channels], found " + Text(x.shape)))
      return;
    const DepthwiseShape shape{x.shape[0], x.shape[1],       x.shape[2],       x.shape[3],
                               multiplier, depthwise.kernel, depthwise.stride};
    if (!context.Check(dy.shape == shape.y(), "dy: expected " + Text(shape.y()) + ", found " + Text(dy.shape))) return;
    float* const out = context.Output(0, shape.filter());
    if (!context.ok()) return;

    const int64_t taps = shape.kernel * shape.kernel, blocks = shape.blocks();
    const int64_t parts = std::min(kParts, shape.batch);
    // A small batch is shared out by blocks of channels too.
    const int64_t groups = std::min(blocks, (kParts + parts - 1) / parts);
    const int64_t one = multiplier * taps * kLanes;
    std::vector<float> sums(parts * blocks * one, 0.0f);
    ParallelFor(parts * groups, [&](int64_t task) {
      const int64_t part = task / groups, group = task % groups;
      RowWindow<float> window(shape.kernel, shape.width, shape.pad());
      std::vector<float> line(shape.out_width() * kLanes);
      for (int64_t n = shape.batch * part / parts; n < shape.batch * (part + 1) / parts; n++)
        for (int64_t block = blocks * group / groups; block < blocks * (group + 1) / groups; block++)
          Dispatch<ImageSums>(shape.kernel, shape.stride, shape, x.data + n * shape.height * shape.width * shape.channels,
                              dy.data + n * shape.out_height() * shape.out_width() * shape.out_channels(), block, window,
                              line.data(), sums.data() + (part * blocks + block) * one);
    });
    for (int64_t tap = 0; tap < taps; tap++)
      for (int64_t c = 0; c < shape.channels; c++)
        for (int64_t q = 0; q < multiplier; q++) {
          float sum = 0;
          for (int64_t part = 0; part < parts; part++)
            sum += sums[(part * blocks + c / kLanes) * one + (q * taps + tap) * kLanes + c % kLanes];
          out[(tap * shape.channels + c) * multiplier + q] = sum;
        }
  }

  const DepthwiseAttributes depthwise;
  const int64_t multiplier;
};

const Operation<FilterGradKernel> filter_grad("RecnextDepthwiseConvFilterGrad", {"x: float", "dy: float"},
                                              {"dfilter: float"},
                                              {"kernel: int", "stride: int = 1", "multiplier: int = 1"}, &UnknownShape);

}  // namespace
}  // namespace recnext
