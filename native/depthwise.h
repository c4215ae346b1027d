#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "op.h"
#include "vector.h"

namespace recnext {

/**
 * A depthwise convolution with a square kernel K (3, 5, 7), stride 1 or 2, padding K / 2 on every side as PyTorch has it, and m
 * output channels for each input channel (1 or 2): x [N, H, W, C], filter [K, K, C, m], y [N, OH, OW, C m] with
 * OH = floor((H - 1) / stride) + 1.
 */
struct DepthwiseShape {
  int64_t batch, height, width, channels, multiplier;
  int kernel, stride;
  int pad() const { return kernel / 2; }
  int64_t out_height() const { return (height - 1) / stride + 1; }
  int64_t out_width() const { return (width - 1) / stride + 1; }
  int64_t out_channels() const { return channels * multiplier; }
  int64_t blocks() const { return (channels + kLanes - 1) / kLanes; }
  std::vector<int64_t> x() const { return {batch, height, width, channels}; }
  std::vector<int64_t> y() const { return {batch, out_height(), out_width(), out_channels()}; }
  std::vector<int64_t> filter() const { return {kernel, kernel, channels, multiplier}; }
};

/** The kernel size and stride of a node. */
struct DepthwiseAttributes {
  explicit DepthwiseAttributes(const Attributes& attributes, bool has_kernel = false)
      : stride(static_cast<int>(attributes.Int("stride"))),
        kernel(has_kernel ? static_cast<int>(attributes.Int("kernel")) : 0) {
    attributes.Check(stride == 1 || stride == 2, "stride: expected 1 or 2, found " + std::to_string(stride));
    if (has_kernel) attributes.Check(Supported(kernel), "kernel: expected 3, 5 or 7, found " + std::to_string(kernel));
  }
  static bool Supported(int64_t kernel) { return kernel == 3 || kernel == 5 || kernel == 7; }
  int stride, kernel;
};

/** Checks that a filter fits, and puts its sizes into `shape`. */
inline bool TakeFilter(Context& context, const Context::Input& filter, DepthwiseShape& shape) {
  const std::vector<int64_t>& f = filter.shape;
  if (!context.Check(f.size() == 4 && f[0] == f[1] && DepthwiseAttributes::Supported(f[0]) && (f[3] == 1 || f[3] == 2),
                     "filter: expected [K, K, channels, multiplier] with K 3, 5 or 7 and multiplier 1 or 2, found " +
                         Text(f)))
    return false;
  shape.kernel = static_cast<int>(f[0]);
  shape.channels = f[2];
  shape.multiplier = f[3];
  return true;
}

/** One row of `width` pixels of a block of channels, put one after the other; missing channels are 0. `step`: numbers a pixel. */
template <typename T>
inline void PackRow(const T* from, int64_t width, int64_t step, int channels, float* to) {
  if (channels >= kLanes) {
    for (int64_t i = 0; i < width; i++) Store(to + i * kLanes, LoadSome(from + i * step, kLanes));
    return;
  }
  for (int64_t i = 0; i < width; i++) Store(to + i * kLanes, LoadSome(from + i * step, channels));
}

/** The same of every second channel: those of one output of a multiplier of 2. */
template <typename T>
inline void PackRowOfPairs(const T* from, int64_t width, int64_t step, int channels, float* to) {
  const int count = std::min(channels, kLanes);
  for (int64_t i = 0; i < width; i++) {
    T some[kLanes];
    for (int lane = 0; lane < count; lane++) some[lane] = from[i * step + 2 * lane];
    Store(to + i * kLanes, LoadSome(some, count));
  }
}

/** Puts the filter's taps of a block of channels and output `q` one after the other: K * K vectors. */
inline void PackFilter(const float* filter, const DepthwiseShape& shape, int64_t block, int64_t q, float* to) {
  const int64_t first = block * kLanes;
  const int count = static_cast<int>(std::min<int64_t>(kLanes, shape.channels - first));
  for (int tap = 0; tap < shape.kernel * shape.kernel; tap++) {
    const float* from = filter + (tap * shape.channels + first) * shape.multiplier + q;
    Vec value{};
    for (int lane = 0; lane < count; lane++) value[lane] = from[lane * shape.multiplier];
    Store(to + tap * kLanes, value);
  }
}

/**
 * The rows of one image and block of channels that a convolution needs at a time, with `pad` zero pixels at both sides. Rows outside
 * the image are zeros. Rows come in rising order. `T`: the type of the image; rows are float.
 */
template <typename T>
class RowWindow {
 public:
  RowWindow(int rows, int64_t width, int pad)
      : rows_(rows), width_(width), pad_(pad), line_((width + 2 * pad) * kLanes), memory_(rows * line_ + kLanes) {
    zeros_.assign(line_, 0.0f);
  }

  /** Another image: `from` is its first pixel's first channel of the block, `step` numbers lie between pixels. */
  void Open(const T* from, int64_t height, int64_t step, int channels, bool pairs) {
    from_ = from;
    height_ = height;
    step_ = step;
    channels_ = channels;
    pairs_ = pairs;
    next_ = 0;
  }

  /** Row `y`, from its left padding on. No row more than `rows` before the newest may be asked for. */
  const float* Row(int64_t y) {
    if (y < 0 || y >= height_) return zeros_.data();
    next_ = std::max(next_, y - rows_ + 1);
    for (; next_ <= y; next_++) {
      float* const to = Line(next_) + pad_ * kLanes;
      const T* const from = from_ + next_ * width_ * step_;
      if (pairs_)
        PackRowOfPairs(from, width_, step_, channels_, to);
      else
        PackRow(from, width_, step_, channels_, to);
    }
    return Line(y);
  }

 private:
  float* Line(int64_t y) { return memory_.data() + (y % rows_) * line_; }

  const int rows_;
  const int64_t width_;
  const int pad_;
  const int64_t line_;
  // Padding stays zero: only what lies between is written.
  std::vector<float> memory_, zeros_;
  const T* from_ = nullptr;
  int64_t height_ = 0, step_ = 0, next_ = 0;
  int channels_ = 0;
  bool pairs_ = false;
};

/** Pixels whose sums are kept in registers. */
constexpr int kTile = kRegisters / 4;

/** Calls `tile(size, i)` with `size`, at most T, as a compile-time constant. */
template <int T, typename Tile>
inline void CallTile(int64_t size, int64_t i, const Tile& tile) {
  if constexpr (T > 1)
    if (size < T) return CallTile<T - 1>(size, i, tile);
  tile(std::integral_constant<int, T>(), i);
}

/** Calls `tile(size, i)` for the pixels from i on; `width` pixels are split evenly, so that none is summed alone where others wait. */
template <typename Tile>
inline void EachTile(int64_t width, const Tile& tile) {
  int64_t i = 0;
  for (int64_t left = (width + kTile - 1) / kTile; left > 0; left--) {
    const int64_t size = (width - i + left - 1) / left;
    CallTile<kTile>(size, i, tile);
    i += size;
  }
}

/** Calls `function` with kernel size and stride as compile-time constants. */
template <template <int, int> class Function, typename... Arguments>
void Dispatch(int kernel, int stride, Arguments&&... arguments) {
  switch (kernel * 10 + stride) {
    case 31: return Function<3, 1>::Run(arguments...);
    case 32: return Function<3, 2>::Run(arguments...);
    case 51: return Function<5, 1>::Run(arguments...);
    case 52: return Function<5, 2>::Run(arguments...);
    case 71: return Function<7, 1>::Run(arguments...);
    case 72: return Function<7, 2>::Run(arguments...);
  }
}

}  // namespace recnext
