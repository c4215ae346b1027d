#include <algorithm>
#include <cmath>

#include "channels.h"
#include "gelu.h"
#include "op.h"
#include "threads.h"

/*
 * Batch normalisation in training, over all but the last dimension, with the GELU that follows (`gelu`) in the same passes.
 *
 * RecnextBatchNorm(x, scale, offset, addend...; epsilon, gelu) -> y, mean, variance, rstd
 *   z = (x - mean) rstd scale + offset with rstd = 1 / sqrt(biased variance + epsilon); y = GELU(z) or z, plus the addend if there is
 *   one. `variance` is the unbiased one that running statistics take, as of FusedBatchNormV3.
 * RecnextBatchNormGrad(dy, x, scale, offset, mean, rstd; gelu) -> dx, dscale, doffset
 *   z is computed anew: nothing of x's size is kept beside x.
 *
 * All of this waits for memory, so sums stay in registers, and the gradient of z, which is dear to compute, is written once where
 * dx will be.
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

  /** Calls `chunk(sums, first row, end)` for 2 * channels sums of some rows; gives the totals, all parts added in order. */
  template <typename Chunk>
  std::vector<double> Totals(const Chunk& chunk) const {
    std::vector<double> totals(parts * 2 * channels, 0.0);
    ParallelFor(parts, [&](int64_t part) {
      double* const total = totals.data() + part * 2 * channels;
      std::vector<float> sums(2 * channels);
      const int64_t end = rows * (part + 1) / parts;
      for (int64_t row = rows * part / parts; row < end; row += kChunk) {
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
    const Context::Input addend = context.Optional(3, x.shape, "addend");
    const bool adds = addend.data != nullptr;
    float* const y = adds ? context.OutputInPlaceOf({3}, 0, x.shape) : context.Output(0, x.shape);
    float* const mean = context.Output(1, {channels});
    float* const variance = context.Output(2, {channels});
    float* const rstd = context.Output(3, {channels});
    if (!context.ok()) return;

    // Differences from the first row: squares of large numbers would leave nothing of a small variance.
    const float* const first = x.data;
    const std::vector<double> sums = matrix.Totals([&](float* sum, int64_t begin, int64_t end) {
      EachBlock(channels, [&](auto block, int64_t c) {
        AddApart(block, x.data + begin * channels + c, end - begin, channels, first + c, sum + c, sum + channels + c);
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
    const Affine affine{mean, slope.data(), offset.data};
    if (adds)
      gelu ? Normalise<true, true>(matrix, x.data, affine, addend.data, y)
           : Normalise<false, true>(matrix, x.data, affine, addend.data, y);
    else
      gelu ? Normalise<true, false>(matrix, x.data, affine, nullptr, y)
           : Normalise<false, false>(matrix, x.data, affine, nullptr, y);
  }

  /** Sums of differences from `first`, and of their squares. */
  template <int V>
  static void AddApart(const Channels<V>& channels, const float* x, int64_t rows, int64_t step, const float* first,
                       float* sum, float* square) {
    Sums<V> sums;
    Vec from[V];
    for (int v = 0; v < V; v++) from[v] = channels.Take(first, v);
    for (int64_t row = 0; row < rows; row++, x += step)
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) {
        const Vec apart = channels.Take(x, v) - from[v];
        sums.first[v] += apart;
        sums.second[v] += apart * apart;
      }
    sums.Store(channels, sum, square);
  }

  struct Affine {
    const float *mean, *slope, *offset;
  };

  template <bool kGelu, bool kAdd>
  static void Normalise(const Matrix& matrix, const float* x, const Affine& per, const float* addend, float* y) {
    matrix.EachRow([&](int64_t row) {
      EachVector(matrix.channels, [&](int64_t c, int count) {
        Vec z = (LoadSome(x + row + c, count) - LoadSome(per.mean + c, count)) * LoadSome(per.slope + c, count) +
                LoadSome(per.offset + c, count);
        if constexpr (kGelu) z = Gelu(z);
        if constexpr (kAdd) z += LoadSome(addend + row + c, count);
        StoreSome(y + row + c, z, count);
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
    const PerChannel per{channels[0], channels[1], channels[2], channels[3]};
    if (gelu)
      Run<true>(matrix, dy.data, x.data, per, dx, dscale, doffset);
    else
      Run<false>(matrix, dy.data, x.data, per, dx, dscale, doffset);
  }

  struct PerChannel {
    const float *scale, *offset, *mean, *rstd;
  };

  template <bool kGelu>
  static void Run(const Matrix& matrix, const float* dy, const float* x, const PerChannel& per, float* dx,
                  float* dscale, float* doffset) {
    const int64_t channels = matrix.channels;
    const std::vector<double> sums = matrix.Totals([&](float* sum, int64_t begin, int64_t end) {
      EachBlock(channels, [&](auto block, int64_t c) {
        const int64_t at = begin * channels + c;
        AddGradients<kGelu>(block, dy + at, x + at, dx + at, end - begin, channels, per, c, sum + c,
                            sum + channels + c);
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
    const float* const dz = kGelu ? dx : dy;
    matrix.EachRow([&](int64_t row) {
      EachVector(channels, [&](int64_t c, int count) {
        const Vec normal =
            (LoadSome(x + row + c, count) - LoadSome(per.mean + c, count)) * LoadSome(per.rstd + c, count);
        const Vec centred = LoadSome(dz + row + c, count) - LoadSome(meanDz.data() + c, count) -
                            normal * LoadSome(meanProduct.data() + c, count);
        StoreSome(dx + row + c, centred * LoadSome(slope.data() + c, count), count);
      });
    });
  }

  /** Sums of the gradient of z, and of that times the normalised x. With a GELU that gradient is left in `dz`, which may be `dy`. */
  template <bool kGelu, int V>
  static void AddGradients(const Channels<V>& channels, const float* dy, const float* x, float* dz, int64_t rows,
                           int64_t step, const PerChannel& per, int64_t c, float* sum, float* product) {
    Sums<V> sums;
    Vec mean[V], rstd[V], scale[V], offset[V];
    for (int v = 0; v < V; v++) {
      mean[v] = channels.Take(per.mean + c, v);
      rstd[v] = channels.Take(per.rstd + c, v);
      scale[v] = channels.Take(per.scale + c, v);
      offset[v] = channels.Take(per.offset + c, v);
    }
    for (int64_t row = 0; row < rows; row++, dy += step, x += step, dz += step)
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) {
        const Vec normal = (channels.Take(x, v) - mean[v]) * rstd[v];
        Vec gradient = channels.Take(dy, v);
        if constexpr (kGelu) {
          gradient *= GeluDerivative(normal * scale[v] + offset[v]);
          channels.Put(dz, v, gradient);
        }
        sums.first[v] += gradient;
        sums.second[v] += gradient * normal;
      }
    sums.Store(channels, sum, product);
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

const Operation<ForwardKernel> forward("RecnextBatchNorm", {"x: float", "scale: float", "offset: float", "addends: N * float"},
                                       {"y: float", "mean: float", "variance: float", "rstd: float"},
                                       {"epsilon: float = 0.00001", "gelu: bool = false", "N: int >= 0 = 0"},
                                       &ForwardShapes);
const Operation<GradKernel> grad("RecnextBatchNormGrad",
                                 {"dy: float", "x: float", "scale: float", "offset: float", "mean: float",
                                  "rstd: float"},
                                 {"dx: float", "dscale: float", "doffset: float"}, {"gelu: bool = false"},
                                 &GradShapes);

}  // namespace
}  // namespace recnext
