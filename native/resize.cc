#include <algorithm>
#include <cmath>

#include "channels.h"
#include "op.h"
#include "threads.h"

/*
 * RecnextResize(x, addend...; height, width, nearest) -> y [N, height, width, C]: bilinear with half-pixel centres, or the pixel at
 *   floor(i from / to); plus the addend, if there is one.
 * RecnextResizeGrad(dy; height, width, nearest) -> dx [N, height, width, C]
 *
 * TensorFlow's gradients of resizing run on one thread.
 */

namespace recnext {
namespace {

/** Channels that one task takes. */
constexpr int64_t kGroup = 8 * kLanes;

/** Where the pixels of a resized row (column) come from: (1 - share) of pixel `low` and `share` of pixel `high`. */
struct Line {
  Line(int64_t from, int64_t to, bool nearest) : low(to), high(to), share(to) {
    const float scale = static_cast<float>(from) / static_cast<float>(to);
    for (int64_t i = 0; i < to; i++) {
      if (nearest) {
        low[i] = high[i] = i * from / to;
        share[i] = 0;
        continue;
      }
      const float at = std::max(0.0f, (static_cast<float>(i) + 0.5f) * scale - 0.5f);
      low[i] = std::min(from - 1, static_cast<int64_t>(std::floor(at)));
      high[i] = std::min(from - 1, low[i] + 1);
      share[i] = at - static_cast<float>(low[i]);
    }
  }
  std::vector<int64_t> low, high;
  std::vector<float> share;
};

struct ResizeAttributes {
  explicit ResizeAttributes(const Attributes& attributes)
      : height(attributes.Int("height")), width(attributes.Int("width")), nearest(attributes.Bool("nearest")) {
    attributes.Check(height > 0 && width > 0, "height and width: expected 1 or more, found " + std::to_string(height) +
                                                  " and " + std::to_string(width));
  }
  int64_t height, width;
  bool nearest;
};

template <typename T>
bool CheckImages(Context& context, const Context::InputOf<T>& input, const char* name) {
  return context.Check(input.rank() == 4 && input.size > 0, std::string(name) +
                                                                ": expected [batch, height, width, channels], found " +
                                                                Text(input.shape));
}

template <typename T>
struct ResizeKernel {
  explicit ResizeKernel(const Attributes& attributes) : to(attributes) {}

  void Compute(Context& context) {
    const auto x = context.Get<T>(0);
    if (!context.ok() || !CheckImages(context, x, "x")) return;
    const std::vector<int64_t> shape{x.shape[0], to.height, to.width, x.shape[3]};
    const auto addend = context.Optional<T>(1, shape, "addend");
    const bool adds = addend.data != nullptr;
    T* const y = adds ? context.OutputInPlaceOf<T>({1}, 0, shape) : context.Output<T>(0, shape);
    if (!context.ok()) return;
    const Line rows(x.shape[1], to.height, to.nearest), columns(x.shape[2], to.width, to.nearest);
    const int64_t line = x.shape[2] * x.shape[3], out = to.width * x.shape[3];
    ParallelRanges(x.shape[0] * to.height, std::max<int64_t>(1, 16384 / out), [&](int64_t begin, int64_t end) {
      std::vector<float> mixed(line);
      for (int64_t i = begin; i < end; i++) {
        const int64_t row = i % to.height;
        const T* const image = x.data + i / to.height * x.shape[1] * line;
        const T* const low = image + rows.low[row] * line;
        const T* const high = image + rows.high[row] * line;
        const float share = rows.share[row];
        if (share != 0)
          EachVector(line, [&](int64_t at, int count) {
            const Vec from = LoadSome(low + at, count);
            StoreSome(mixed.data() + at, from + (LoadSome(high + at, count) - from) * share, count);
          });
        const T* const add = adds ? addend.data + i * out : nullptr;
        if (share != 0)
          Stretch(mixed.data(), columns, to.width, x.shape[3], add, y + i * out);
        else
          Stretch(low, columns, to.width, x.shape[3], add, y + i * out);
      }
    });
  }

  template <typename Source>
  static void Stretch(const Source* row, const Line& columns, int64_t width, int64_t channels, const T* addend, T* y) {
    if (addend != nullptr)
      StretchTo<true>(row, columns, width, channels, addend, y);
    else
      StretchTo<false>(row, columns, width, channels, addend, y);
  }

  template <bool kAdd, typename Source>
  static void StretchTo(const Source* row, const Line& columns, int64_t width, int64_t channels, const T* addend,
                        T* y) {
    for (int64_t i = 0; i < width; i++) {
      const Source* const low = row + columns.low[i] * channels;
      const Source* const high = row + columns.high[i] * channels;
      const float share = columns.share[i];
      const int64_t at = i * channels;
      EachVector(channels, [&](int64_t c, int count) {
        const Vec from = LoadSome(low + c, count);
        Vec value = from + (LoadSome(high + c, count) - from) * share;
        if constexpr (kAdd) value += LoadSome(addend + at + c, count);
        StoreSome(y + at + c, value, count);
      });
    }
  }

  const ResizeAttributes to;
};

struct ResizeGradKernel {
  explicit ResizeGradKernel(const Attributes& attributes) : from(attributes) {}

  void Compute(Context& context) {
    const Context::Input dy = context.Get(0);
    if (!context.ok() || !CheckImages(context, dy, "dy")) return;
    const int64_t batch = dy.shape[0], height = dy.shape[1], width = dy.shape[2], channels = dy.shape[3];
    float* const dx = context.Output(0, {batch, from.height, from.width, channels});
    if (!context.ok()) return;
    const Line rows(from.height, height, from.nearest), columns(from.width, width, from.nearest);
    const int64_t groups = (channels + kGroup - 1) / kGroup;
    ParallelRanges(batch * groups, 1, [&](int64_t begin, int64_t end) {
      std::vector<float> line(from.width * kGroup);
      for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / groups, first = i % groups * kGroup;
        const int64_t count = std::min(kGroup, channels - first);
        Gather(dy.data + n * height * width * channels + first, rows, columns, height, width, channels, count, line,
               dx + n * from.height * from.width * channels + first);
      }
    });
  }

  /** One image and group of channels: each row of dy is summed to the narrow one in `line`, which goes to its two rows of dx. */
  void Gather(const float* dy, const Line& rows, const Line& columns, int64_t height, int64_t width, int64_t step,
              int64_t count, std::vector<float>& line, float* dx) const {
    for (int64_t i = 0; i < from.height * from.width; i++) std::fill_n(dx + i * step, count, 0.0f);
    for (int64_t row = 0; row < height; row++) {
      std::fill(line.begin(), line.end(), 0.0f);
      for (int64_t i = 0; i < width; i++)
        AddShares(dy + (row * width + i) * step, columns.share[i], count, line.data() + columns.low[i] * kGroup,
                  line.data() + columns.high[i] * kGroup);
      for (int64_t i = 0; i < from.width; i++)
        AddShares(line.data() + i * kGroup, rows.share[row], count, dx + (rows.low[row] * from.width + i) * step,
                  dx + (rows.high[row] * from.width + i) * step);
    }
  }

  static void AddShares(const float* values, float share, int64_t size, float* low, float* high) {
    EachVector(size, [&](int64_t c, int count) {
      const Vec value = LoadSome(values + c, count);
      StoreSome(low + c, LoadSome(low + c, count) + value * (1 - share), count);
      if (share != 0) StoreSome(high + c, LoadSome(high + c, count) + value * share, count);
    });
  }

  const ResizeAttributes from;
};

const TypedOperation<ResizeKernel> resize("RecnextResize", {"x: T", "addends: N * T"}, {"y: T"},
                                          {kFeatureType, "height: int", "width: int", "nearest: bool = false",
                                           "N: int >= 0 = 0"},
                                          &UnknownShape);
const Operation<ResizeGradKernel> resize_grad("RecnextResizeGrad", {"dy: float"}, {"dx: float"},
                                              {"height: int", "width: int", "nearest: bool = false"}, &UnknownShape);

}  // namespace
}  // namespace recnext
