#include <algorithm>

#include "gelu.h"
#include "op.h"
#include "threads.h"

/*
 * RecnextLinearAttention(qk, v, addend...; heads, epsilon) -> y [N, H, W, C]. qk [N, H, W, 2 K]: queries, then keys, before elu + 1; v
 *   [N, H, W, C]; a head has neighbouring channels. y_i = sum_j (q_i . k_j) v_j / n / (sum_j (q_i . k_j) / n + epsilon) over all n
 *   positions of an image, plus the addend, if there is one.
 *
 * Everything of a head is read where it lies: nothing is cut into heads, transposed and put together again.
 */

namespace recnext {
namespace {

/** Positions that are taken at a time, so that a row of the products of keys and values is read and written once for all of them. */
constexpr int kStep = 4;

/** elu(x) + 1 */
inline Vec Feature(Vec x) {
  const Vec negative = x < 0.0f ? x : Vec{};
  const Vec low = negative > -87.0f ? negative : Splat(-87.0f);
  // A comparison with NaN is false: it must not be lost.
  return x > 0.0f ? x + 1.0f : (x == x ? ExpNegative(low, Vec{}) : x);
}

/** The numbers of one head at a position, in whole vectors. */
struct Numbers {
  explicit Numbers(int64_t size) : size(size), width((size + kLanes - 1) / kLanes * kLanes) {}

  /** Calls `part(from, count)` for one vector after the other. */
  template <typename Part>
  void Each(const Part& part) const {
    for (int64_t c = 0; c < size; c += kLanes) part(c, static_cast<int>(std::min<int64_t>(kLanes, size - c)));
  }

  const int64_t size, width;
};

/** One head of one image. */
template <typename T>
class Head {
 public:
  Head(int64_t positions, int64_t key_size, int64_t value_size, float epsilon)
      : positions_(positions),
        key_(key_size),
        value_(value_size),
        epsilon_(epsilon),
        products_(key_.size * value_.width),
        mean_key_(key_.width),
        keys_(kStep * key_.width),
        values_(kStep * value_.width) {}

  /** Pointers are at the head's first channel; `key_step` and `value_step`: channels of qk and of v. */
  void Run(const T* q, const T* k, int64_t key_step, const T* v, int64_t value_step, const T* addend, T* y) {
    Gather(k, key_step, v, value_step);
    float* const query = keys_.data();
    for (int64_t i = 0; i < positions_; i++) {
      LoadFeatures(q + i * key_step, query);
      Vec weights{};
      for (int64_t c = 0; c < key_.width; c += kLanes) weights += Load(query + c) * Load(mean_key_.data() + c);
      const float scale = 1 / (Sum(weights) + epsilon_);
      value_.Each([&](int64_t c, int count) {
        Vec sum{};
        for (int64_t a = 0; a < key_.size; a++) sum += query[a] * Load(products_.data() + a * value_.width + c);
        sum *= scale;
        if (addend != nullptr) sum += LoadSome(addend + i * value_step + c, count);
        StoreSome(y + i * value_step + c, sum, count);
      });
    }
  }

 private:
  /** Means over the positions: of k_j, and of the products of its numbers with those of v_j. */
  void Gather(const T* k, int64_t key_step, const T* v, int64_t value_step) {
    std::fill(products_.begin(), products_.end(), 0.0f);
    std::fill(mean_key_.begin(), mean_key_.end(), 0.0f);
    const float share = 1 / static_cast<float>(positions_);
    for (int64_t i = 0; i < positions_; i += kStep) {
      const int rows = static_cast<int>(std::min<int64_t>(kStep, positions_ - i));
      // Rows after the last position count for nothing.
      std::fill(keys_.begin(), keys_.end(), 0.0f);
      std::fill(values_.begin(), values_.end(), 0.0f);
      for (int r = 0; r < rows; r++) {
        float* const key = keys_.data() + r * key_.width;
        float* const value = values_.data() + r * value_.width;
        LoadFeatures(k + (i + r) * key_step, key);
        for (int64_t c = 0; c < key_.width; c += kLanes) {
          Store(key + c, Load(key + c) * share);
          Store(mean_key_.data() + c, Load(mean_key_.data() + c) + Load(key + c));
        }
        value_.Each([&](int64_t c, int count) { Store(value + c, LoadSome(v + (i + r) * value_step + c, count)); });
      }
      for (int64_t a = 0; a < key_.size; a++)
        for (int64_t c = 0; c < value_.width; c += kLanes) {
          float* const product = products_.data() + a * value_.width + c;
          Vec sum = Load(product);
          for (int r = 0; r < kStep; r++) sum += keys_[r * key_.width + a] * Load(values_.data() + r * value_.width + c);
          Store(product, sum);
        }
    }
    // Lanes beyond the head count for nothing: elu(0) + 1 is 1.
    std::fill(mean_key_.begin() + key_.size, mean_key_.end(), 0.0f);
  }

  void LoadFeatures(const T* from, float* to) const {
    key_.Each([&](int64_t c, int count) { Store(to + c, Feature(LoadSome(from + c, count))); });
  }

  const int64_t positions_;
  const Numbers key_, value_;
  const float epsilon_;
  std::vector<float> products_, mean_key_, keys_, values_;
};

template <typename T>
struct LinearAttentionKernel {
  explicit LinearAttentionKernel(const Attributes& attributes)
      : heads(attributes.Int("heads")), epsilon(attributes.Float("epsilon")) {
    attributes.Check(heads > 0, "heads: expected 1 or more, found " + std::to_string(heads));
  }

  void Compute(Context& context) {
    const auto qk = context.Get<T>(0);
    const auto v = context.Get<T>(1);
    if (!context.Check(v.rank() == 4 && v.size > 0 && v.shape[3] % heads == 0,
                       "v: expected [batch, height, width, channels], channels a multiple of " + std::to_string(heads) +
                           ", found " + Text(v.shape)))
      return;
    const int64_t batch = v.shape[0], positions = v.shape[1] * v.shape[2], channels = v.shape[3];
    if (!context.Check(qk.rank() == 4 && qk.shape[0] == batch && qk.shape[1] == v.shape[1] &&
                           qk.shape[2] == v.shape[2] && qk.shape[3] > 0 && qk.shape[3] % (2 * heads) == 0,
                       "qk: expected the images of v, " + Text(v.shape) + ", with channels a multiple of " +
                           std::to_string(2 * heads) + ", found " + Text(qk.shape)))
      return;
    const auto addend = context.Optional<T>(2, v.shape, "addend");
    T* const y = addend.data != nullptr ? context.OutputInPlaceOf<T>({2}, 0, v.shape) : context.Output<T>(0, v.shape);
    if (!context.ok()) return;
    const int64_t both = qk.shape[3], key_size = both / 2 / heads, value_size = channels / heads;
    ParallelRanges(batch * heads, 1, [&](int64_t begin, int64_t end) {
      Head<T> head(positions, key_size, value_size, epsilon);
      for (int64_t i = begin; i < end; i++) {
        const int64_t first = i / heads * positions;
        const int64_t at = first * channels + i % heads * value_size;
        const T* const q = qk.data + first * both + i % heads * key_size;
        head.Run(q, q + both / 2, both, v.data + at, channels, addend.data == nullptr ? nullptr : addend.data + at,
                 y + at);
      }
    });
  }

  const int64_t heads;
  const float epsilon;
};

const TypedOperation<LinearAttentionKernel> linear_attention(
    "RecnextLinearAttention", {"qk: T", "v: T", "addends: N * T"}, {"y: T"},
    {kFeatureType, "heads: int", "epsilon: float", "N: int >= 0 = 0"}, &SameAsInput<1>);

}  // namespace
}  // namespace recnext
