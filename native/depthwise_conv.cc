#include "depthwise.h"
#include "threads.h"

/*
 * RecnextDepthwiseConv(x, filter, bias...; stride) -> y [N, OH, OW, C m], plus the bias [C m] if there is one
 * RecnextDepthwiseConvInputGrad(dy, filter, addend...; stride, height, width) -> dx [N, height, width, C], plus the addend if there
 *   is one (gradients that reach x on other ways)
 *
 * Both work on one image and block of channels at a time, over packed rows, several pixels of a row at once.
 */

namespace recnext {
namespace {

/** The sums of `T` pixels. */
template <int T>
struct Tile {
  Vec sum[T];
};

/** Sums of `T` pixels of a row from `i` on, over the taps of K rows and the bias; pixels lie `S` apart in those. */
template <int K, int S, int T>
inline Tile<T> SumTaps(const float* const* rows, const float* filter, Vec bias, int64_t i) {
  Tile<T> tile;
  for (int t = 0; t < T; t++) tile.sum[t] = bias;
  for (int ky = 0; ky < K; ky++) {
    const float* const row = rows[ky] + i * S * kLanes;
    const float* const taps = filter + ky * K * kLanes;
#pragma GCC unroll 8
    for (int kx = 0; kx < K; kx++) {
      const Vec tap = Load(taps + kx * kLanes);
#pragma GCC unroll 8
      for (int t = 0; t < T; t++) tile.sum[t] += tap * Load(row + (t * S + kx) * kLanes);
    }
  }
  return tile;
}

template <typename T>
inline void StorePixels(T* to, int64_t step, const Vec* sums, int pixels, int channels) {
  for (int t = 0; t < pixels; t++) StoreSome(to + t * step, sums[t], channels);
}

/** What sums start from: the addend, where there is one. */
inline void StartPixels(const float* addend, int64_t step, Vec* sums, int pixels, int channels) {
  for (int t = 0; t < pixels; t++) sums[t] = addend == nullptr ? Vec{} : LoadSome(addend + t * step, channels);
}

/** Pairs of results of a multiplier of 2, which alternate in memory. */
template <typename T>
inline void StorePairs(T* to, int64_t step, const Vec* sums, int pixels, int channels) {
  const int count = std::min(channels, kLanes);
  for (int t = 0; t < pixels; t++) {
    T some[kLanes];
    StoreSome(some, sums[t], count);
    for (int lane = 0; lane < count; lane++) to[t * step + 2 * lane] = some[lane];
  }
}

template <int K, int S>
struct ForwardImage {
  template <typename T>
  static void Run(const DepthwiseShape& shape, const T* x, const float* filter, const float* biases, int64_t block,
                  RowWindow<T>& window, T* y) {
    const int64_t first = block * kLanes, width = shape.out_width(), step = shape.out_channels();
    const int count = static_cast<int>(std::min<int64_t>(kLanes, shape.channels - first));
    const int m = static_cast<int>(shape.multiplier);
    window.Open(x + first, shape.height, shape.channels, count, false);
    for (int64_t oy = 0; oy < shape.out_height(); oy++) {
      const float* rows[K];
      for (int k = 0; k < K; k++) rows[k] = window.Row(oy * S - K / 2 + k);
      for (int q = 0; q < m; q++) {
        T* const to = y + oy * width * step + first * m + q;
        const float* const taps = filter + q * K * K * kLanes;
        const Vec bias = Load(biases + q * kLanes);
        EachTile(width, [&](auto pixels, int64_t i) {
          const Tile<pixels.value> tile = SumTaps<K, S, pixels.value>(rows, taps, bias, i);
          if (m == 1)
            StorePixels(to + i * step, step, tile.sum, pixels.value, count);
          else
            StorePairs(to + i * step, step, tile.sum, pixels.value, count);
        });
      }
    }
  }
};

/** Sums over the taps that meet pixel x = 2 j + P of a transposed convolution of stride 2, in one row of dy. */
template <int K, int P, int T>
inline void AddTransposed(const float* row, const float* taps, int64_t j, Vec* sum) {
  constexpr int pad = K / 2;
#pragma GCC unroll 8
  for (int kx = 0; kx < K; kx++) {
    if ((P + pad - kx) % 2 != 0) continue;
    // dy's pixel that this tap takes to x, after the row's left padding.
    const int offset = (P + pad - kx) / 2 + pad;
    const Vec tap = Load(taps + kx * kLanes);
#pragma GCC unroll 8
    for (int t = 0; t < T; t++) sum[t] += tap * Load(row + (j + t + offset) * kLanes);
  }
}

template <int K, int S>
struct InputGradImage {
  /** `windows`: one for each q. `addend`: of dx's shape, may be dx itself, or nullptr. */
  static void Run(const DepthwiseShape& shape, const float* dy, const float* filter, int64_t block,
                  std::vector<RowWindow<float>>& windows, const float* addend, float* dx) {
    const int64_t first = block * kLanes, step = shape.channels;
    const int count = static_cast<int>(std::min<int64_t>(kLanes, shape.channels - first));
    const int m = static_cast<int>(shape.multiplier);
    for (int q = 0; q < m; q++)
      windows[q].Open(dy + first * m + q, shape.out_height(), shape.out_channels(), count, m == 2);
    for (int64_t iy = 0; iy < shape.height; iy++) {
      // Rows of dy that reach this row, rising, each with its row of taps.
      const float* rows[2 * K];
      const float* taps[2 * K];
      int reach = 0;
      for (int ky = K - 1; ky >= 0; ky--) {
        const int64_t from = iy + K / 2 - ky;
        if (from < 0 || from % S != 0 || from / S >= shape.out_height()) continue;
        for (int q = 0; q < m; q++) {
          rows[reach] = windows[q].Row(from / S);
          taps[reach++] = filter + (q * K + ky) * K * kLanes;
        }
      }
      const int64_t at = iy * shape.width * step + first;
      const float* const add = addend == nullptr ? nullptr : addend + at;
      float* const to = dx + at;
      if constexpr (S == 1) {
        EachTile(shape.width, [&](auto tile, int64_t i) {
          Pixels<tile.value>(rows, taps, reach, i, add, to, step, count);
        });
      } else {
        Parity<0>(rows, taps, reach, (shape.width + 1) / 2, add, to, step, count);
        Parity<1>(rows, taps, reach, shape.width / 2, add == nullptr ? nullptr : add + step, to + step, step, count);
      }
    }
  }

  /** Stride 1: a convolution with the filter turned round. */
  template <int T>
  static inline void Pixels(const float* const* rows, const float* const* taps, int reach, int64_t i,
                            const float* addend, float* to, int64_t step, int count) {
    Vec sum[T];
    StartPixels(addend == nullptr ? nullptr : addend + i * step, step, sum, T, count);
    for (int r = 0; r < reach; r++) {
      const float* const row = rows[r] + i * kLanes;
#pragma GCC unroll 8
      for (int kx = 0; kx < K; kx++) {
        const Vec tap = Load(taps[r] + kx * kLanes);
#pragma GCC unroll 8
        for (int t = 0; t < T; t++) sum[t] += tap * Load(row + (t + K - 1 - kx) * kLanes);
      }
    }
    StorePixels(to + i * step, step, sum, T, count);
  }

  /** Stride 2: every second pixel, from P on. */
  template <int P>
  static inline void Parity(const float* const* rows, const float* const* taps, int reach, int64_t pixels,
                            const float* addend, float* to, int64_t step, int count) {
    EachTile(pixels, [&](auto tile, int64_t j) {
      ParityPixels<P, tile.value>(rows, taps, reach, j, addend, to, step, count);
    });
  }

  template <int P, int T>
  static inline void ParityPixels(const float* const* rows, const float* const* taps, int reach, int64_t j,
                                  const float* addend, float* to, int64_t step, int count) {
    const int64_t at = j * 2 * step;
    Vec sum[T];
    StartPixels(addend == nullptr ? nullptr : addend + at, 2 * step, sum, T, count);
    for (int r = 0; r < reach; r++) AddTransposed<K, P, T>(rows[r], taps[r], j, sum);
    StorePixels(to + at, 2 * step, sum, T, count);
  }
};

/** All taps, packed: for each block of channels and q, K * K vectors. */
std::vector<float> PackFilters(const float* filter, const DepthwiseShape& shape) {
  const int64_t one = shape.kernel * shape.kernel * kLanes;
  std::vector<float> packed(shape.blocks() * shape.multiplier * one);
  for (int64_t block = 0; block < shape.blocks(); block++)
    for (int64_t q = 0; q < shape.multiplier; q++)
      PackFilter(filter, shape, block, q, packed.data() + (block * shape.multiplier + q) * one);
  return packed;
}

/** A bias for each block of channels and q, a vector each; zeros where there is none. */
std::vector<float> PackBiases(const float* bias, const DepthwiseShape& shape) {
  std::vector<float> packed(shape.blocks() * shape.multiplier * kLanes, 0.0f);
  if (bias == nullptr) return packed;
  for (int64_t channel = 0; channel < shape.channels; channel++)
    for (int64_t q = 0; q < shape.multiplier; q++)
      packed[(channel / kLanes * shape.multiplier + q) * kLanes + channel % kLanes] =
          bias[channel * shape.multiplier + q];
  return packed;
}

template <typename T>
struct ForwardKernel {
  explicit ForwardKernel(const Attributes& attributes) : depthwise(attributes) {}

  void Compute(Context& context) {
    const auto x = context.Get<T>(0);
    const Context::Input filter = context.Get(1);
    DepthwiseShape shape{};
    shape.stride = depthwise.stride;
    if (!context.ok() || !TakeFilter(context, filter, shape)) return;
    if (!context.Check(x.rank() == 4 && x.size > 0 && x.shape[3] == shape.channels,
                       "x: expected [batch, height, width, " + std::to_string(shape.channels) + "], found " +
                           Text(x.shape)))
      return;
    shape.batch = x.shape[0];
    shape.height = x.shape[1];
    shape.width = x.shape[2];
    const Context::Input bias = context.Optional(2, {shape.out_channels()}, "bias");
    T* const y = context.Output<T>(0, shape.y());
    if (!context.ok()) return;
    const std::vector<float> packed = PackFilters(filter.data, shape);
    const std::vector<float> biases = PackBiases(bias.data, shape);
    const int64_t blocks = shape.blocks(), one = shape.multiplier * shape.kernel * shape.kernel * kLanes;
    ParallelRanges(shape.batch * blocks, 1, [&](int64_t begin, int64_t end) {
      RowWindow<T> window(shape.kernel, shape.width, shape.pad());
      for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / blocks, block = i % blocks;
        Dispatch<ForwardImage>(shape.kernel, shape.stride, shape,
                               x.data + n * shape.height * shape.width * shape.channels, packed.data() + block * one,
                               biases.data() + block * shape.multiplier * kLanes, block, window, y + n * shape.out_height() * shape.out_width() * shape.out_channels());
      }
    });
  }

  const DepthwiseAttributes depthwise;
};

struct InputGradKernel {
  explicit InputGradKernel(const Attributes& attributes)
      : depthwise(attributes), height(attributes.Int("height")), width(attributes.Int("width")) {
    attributes.Check(height > 0 && width > 0, "height and width: expected 1 or more, found " + std::to_string(height) +
                                                  " and " + std::to_string(width));
  }

  void Compute(Context& context) {
    const Context::Input dy = context.Get(0);
    const Context::Input filter = context.Get(1);
    DepthwiseShape shape{};
    shape.stride = depthwise.stride;
    if (!context.ok() || !TakeFilter(context, filter, shape)) return;
    if (!context.Check(dy.rank() == 4 && dy.size > 0,
                       "dy: expected [batch, height, width, channels], found " + Text(dy.shape)))
      return;
    shape.batch = dy.shape[0];
    shape.height = height;
    shape.width = width;
    if (!context.Check(dy.shape == shape.y(), "dy: expected " + Text(shape.y()) + ", found " + Text(dy.shape))) return;
    const Context::Input addend = context.Optional(2, shape.x(), "addend");
    const bool adds = addend.data != nullptr;
    float* const dx = adds ? context.OutputInPlaceOf({2}, 0, shape.x()) : context.Output(0, shape.x());
    if (!context.ok()) return;
    const std::vector<float> packed = PackFilters(filter.data, shape);
    const int64_t blocks = shape.blocks(), one = shape.multiplier * shape.kernel * shape.kernel * kLanes;
    ParallelRanges(shape.batch * blocks, 1, [&](int64_t begin, int64_t end) {
      std::vector<RowWindow<float>> windows(shape.multiplier, RowWindow<float>(shape.kernel, shape.out_width(), shape.pad()));
      for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / blocks, block = i % blocks, image = n * shape.height * shape.width * shape.channels;
        Dispatch<InputGradImage>(shape.kernel, shape.stride, shape,
                                 dy.data + n * shape.out_height() * shape.out_width() * shape.out_channels(),
                                 packed.data() + block * one, block, windows, adds ? addend.data + image : nullptr,
                                 dx + image);
      }
    });
  }

  const DepthwiseAttributes depthwise;
  const int64_t height, width;
};

const TypedOperation<ForwardKernel> forward("RecnextDepthwiseConv",
                                            {"x: T", "filter: float", "biases: B * float"}, {"y: T"},
                                            {kFeatureType, "stride: int = 1", "B: int >= 0 = 0"}, &UnknownShape);
const Operation<InputGradKernel> input_grad("RecnextDepthwiseConvInputGrad",
                                            {"dy: float", "filter: float", "addends: N * float"}, {"dx: float"},
                                            {"stride: int = 1", "height: int", "width: int", "N: int >= 0 = 0"},
                                            &UnknownShape);

}  // namespace
}  // namespace recnext
