#include <algorithm>
#include <cmath>

#include "gelu.h"
#include "op.h"
#include "threads.h"

/*
 * Batch normalisation in training, over all but the last dimension, with the GELU that follows (`gelu`) in the same passes.
 *
 * RecnextBatchNorm(x, scale, offset; epsilon, gelu) -> y, mean, variance, rstd
 *   z = (x - mean) rstd scale + offset with rstd = 1 / sqrt(biased variance + epsilon); y = GELU(z) or z. `variance` is the unbiased
 *   one that running statistics take, as of FusedBatchNormV3.
 * RecnextBatchNormGrad(dy, x, scale, offset, mean, rstd; gelu) -> dx, dscale, doffset
 *   z is computed anew: nothing of x's size is kept beside x.
 */

namespace recnext {
namespace {

/** The rows are cut into this many parts at most, whatever the threads: sums are the same for every number of them. */
constexpr int64_t kParts = 32;

/** Rows summed in float32 before they join a sum in float64. */
constexpr int64_t kChunk = 128;

/** x as [rows, channels], and rows in parts. */
struct Matrix {
  explicit Matrix(const std::vector<int64_t>& shape) : channels(shape.back()) {
    for (size_t i = 0; i + 1 < shape.size(); i++) rows *= shape[i];
    parts = std::max<int64_t>(1, std::min(kParts, rows * channels / 8192));
  }
  int64_t channels, rows = 1, parts;

  /** Calls `chunk(sums, first row, end)` with 2 * channels zeros; gives the totals, all parts added in order. */
  template <typename Chunk>
  std::vector<double> Sums(const Chunk& chunk) const {
    std::vector<double> totals(parts * 2 * channels, 0.0);
    ParallelFor(parts, [&](int64_t part) {
      double* const total = totals.data() + part * 2 * channels;
      std::vector<float> sums(2 * channels);
      const int64_t end = rows * (part + 1) / parts;
      for (int64_t row = rows * part / parts; row < end; row += kChunk) {
        std::fill(sums.begin(), sums.end(), 0.0f);
        chunk(sums.data(), row, std::min(end, row + kChunk));
        for (int64_t i = 0; i < 2 * channels; i++) total[i] += sums[i];
      }
    });
    for (int64_t part = 1; part < parts; part++)
      for (int64_t i = 0; i < 2 * channels; i++) totals[i] += totals[part * 2 * channels + i];
    totals.resize(2 * channels);
    return totals;
  }

  template <typename Row>
  void EachRow(const Row& row) const {
    ParallelRanges(rows, std::max<int64_t>(1, 16384 / channels), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) row(i * channels);
    });
  }
};

/** Calls `lanes(c, count)` for the channels from c on, a vector at a time; the last one may be shorter. */
template <typename Lanes>
inline void EachVector(int64_t channels, const Lanes& lanes) {
  int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) lanes(c, kLanes);
  if (c < channels) lanes(c, static_cast<int>(channels - c));
}

bool IsChannels(const Context::Input& input, int64_t channels) {
  return input.rank() == 1 && input.shape[0] == channels;
}

bool CheckChannels(Context& context, const Context::Input& input, int64_t channels, const char* name) {
  return context.Check(IsChannels(input, channels), std::string(name) + ": expected [" + std::to_string(channels) +
                                                        "], found " + Text(input.shape));
}

bool CheckX(Context& context, const Context::Input& x) {
  return context.Check(x.rank() >= 2 && x.size > 0, "x: expected [batch, …, channels], found " + Text(x.shape));
}

struct ForwardKernel {
  explicit ForwardKernel(const Attributes& attributes)
      : epsilon(attributes.Float("epsilon")), gelu(attributes.Bool("gelu")) {}

  void Compute(Context& context) {
    const Context::Input x = context.Get(0), scale = context.Get(1), offset = context.Get(2);
    if (!CheckX(context, x)) return;
    const Matrix matrix(x.shape);
    const int64_t channels = matrix.channels;
    if (!CheckChannels(context, scale, channels, "scale") || !CheckChannels(context, offset, channels, "offset")) return;
    float* const y = context.Output(0, x.shape);
    float* const mean = context.Output(1, {channels});
    float* const variance = context.Output(2, {channels});
    float* const rstd = context.Output(3, {channels});
    if (!context.ok()) return;

    // Differences from the first row: squares of large numbers would leave nothing of a small variance.
    const float* const first = x.data;
    const std::vector<double> sums = matrix.Sums([&](float* sum, int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++)
        EachVector(channels, [&](int64_t c, int count) {
          const Vec apart = LoadSome(x.data + row * channels + c, count) - LoadSome(first + c, count);
          StoreSome(sum + c, LoadSome(sum + c, count) + apart, count);
          float* const square = sum + channels + c;
          StoreSome(square, LoadSome(square, count) + apart * apart, count);
        });
    });
    const double rows = static_cast<double>(matrix.rows);
    std::vector<float> slope(channels);
    for (int64_t c = 0; c < channels; c++) {
      const double apart = sums[c] / rows;
      const double biased = std::max(0.0, sums[channels + c] / rows - apart * apart);
      mean[c] = static_cast<float>(first[c] + apart);
      variance[c] = static_cast<float>(biased * (rows > 1 ? rows / (rows - 1) : 1));
      rstd[c] = static_cast<float>(1 / std::sqrt(biased + epsilon));
      slope[c] = rstd[c] * scale.data[c];
    }
    if (gelu)
      Normalise<true>(matrix, x.data, mean, slope.data(), offset.data, y);
    else
      Normalise<false>(matrix, x.data, mean, slope.data(), offset.data, y);
  }

  template <bool kGelu>
  static void Normalise(const Matrix& matrix, const float* x, const float* mean, const float* slope,
                        const float* offset, float* y) {
    matrix.EachRow([&](int64_t row) {
      EachVector(matrix.channels, [&](int64_t c, int count) {
        const Vec z = (LoadSome(x + row + c, count) - LoadSome(mean + c, count)) * LoadSome(slope + c, count) +
                      LoadSome(offset + c, count);
        StoreSome(y + row + c, kGelu ? Gelu(z) : z, count);
      });
    });
  }

  const float epsilon;
  const bool gelu;
};

struct GradKernel {
  explicit GradKernel(const Attributes& attributes) : gelu(attributes.Bool("gelu")) {}

  void Compute(Context& context) {
    const Context::Input dy = context.Get(0), x = context.Get(1);
    if (!CheckX(context, x)) return;
    const Matrix matrix(x.shape);
    if (!context.Check(dy.shape == x.shape, "dy: expected " + Text(x.shape) + ", found " + Text(dy.shape))) return;
    const char* const names[] = {"scale", "offset", "mean", "rstd"};
    const float* channels[4];
    for (int i = 0; i < 4; i++) {
      const Context::Input input = context.Get(2 + i);
      if (!context.ok() || !CheckChannels(context, input, matrix.channels, names[i])) return;
      channels[i] = input.data;
    }
    float* const dx = context.OutputInPlaceOf({0}, 0, x.shape);
    float* const dscale = context.Output(1, {matrix.channels});
    float* const doffset = context.Output(2, {matrix.channels});
    if (!context.ok()) return;
    const Channels per{channels[0], channels[1], channels[2], channels[3]};
    if (gelu)
      Run<true>(matrix, dy.data, x.data, per, dx, dscale, doffset);
    else
      Run<false>(matrix, dy.data, x.data, per, dx, dscale, doffset);
  }

  struct Channels {
    const float *scale, *offset, *mean, *rstd;
  };

  /** The normalised x and the gradient of z at some channels. */
  template <bool kGelu>
  static inline void At(const float* dy, const float* x, const Channels& per, int64_t c, int count, Vec& normal,
                        Vec& dz) {
    normal = (LoadSome(x + c, count) - LoadSome(per.mean + c, count)) * LoadSome(per.rstd + c, count);
    dz = LoadSome(dy + c, count);
    if constexpr (kGelu)
      dz *= GeluDerivative(normal * LoadSome(per.scale + c, count) + LoadSome(per.offset + c, count));
  }

  template <bool kGelu>
  static void Run(const Matrix& matrix, const float* dy, const float* x, const Channels& per, float* dx, float* dscale,
                  float* doffset) {
    const int64_t channels = matrix.channels;
    const std::vector<double> sums = matrix.Sums([&](float* sum, int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++)
        EachVector(channels, [&](int64_t c, int count) {
          Vec normal, dz;
          At<kGelu>(dy + row * channels, x + row * channels, per, c, count, normal, dz);
          StoreSome(sum + c, LoadSome(sum + c, count) + dz, count);
          float* const product = sum + channels + c;
          StoreSome(product, LoadSome(product, count) + dz * normal, count);
        });
    });
    std::vector<float> slope(channels), meanDz(channels), meanProduct(channels);
    for (int64_t c = 0; c < channels; c++) {
      doffset[c] = static_cast<float>(sums[c]);
      dscale[c] = static_cast<float>(sums[channels + c]);
      meanDz[c] = static_cast<float>(sums[c] / matrix.rows);
      meanProduct[c] = static_cast<float>(sums[channels + c] / matrix.rows);
      slope[c] = per.scale[c] * per.rstd[c];
    }
    matrix.EachRow([&](int64_t row) {
      EachVector(channels, [&](int64_t c, int count) {
        Vec normal, dz;
        At<kGelu>(dy + row, x + row, per, c, count, normal, dz);
        const Vec centred = dz - LoadSome(meanDz.data() + c, count) - normal * LoadSome(meanProduct.data() + c, count);
        StoreSome(dx + row + c, centred * LoadSome(slope.data() + c, count), count);
      });
    });
  }

  const bool gelu;
};

void ForwardShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  SetSame(context, status, 0, 0);
  for (int output = 1; output < 4; output++) SetSame(context, status, output, 1);
}

void GradShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  SetSame(context, status, 0, 1);
  for (int output = 1; output < 3; output++) SetSame(context, status, output, 2);
}

const Operation<ForwardKernel> forward("RecnextBatchNorm", {"x: float", "scale: float", "offset: float"},
                                       {"y: float", "mean: float", "variance: float", "rstd: float"},
                                       {"epsilon: float = 0.00001", "gelu: bool = false"}, &ForwardShapes);
const Operation<GradKernel> grad("RecnextBatchNormGrad",
                                 {"dy: float", "x: float", "scale: float", "offset: float", "mean: float",
                                  "rstd: float"},
                                 {"dx: float", "dscale: float", "doffset: float"}, {"gelu: bool = false"},
                                 &GradShapes);

}  // namespace
}  // namespace recnext
