#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace recnext {

/** Floats in one register of this processor; GCC's and Clang's vector extension makes the instructions. */
#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

/** Registers of that size. */
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kRegisters = 32;
#else
constexpr int kRegisters = 16;
#endif

typedef float Vec __attribute__((vector_size(kLanes * 4)));
typedef int32_t IntVec __attribute__((vector_size(kLanes * 4)));
typedef float UnalignedVec __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

inline Vec Load(const float* from) { return *reinterpret_cast<const UnalignedVec*>(from); }
inline void Store(float* to, Vec value) { *reinterpret_cast<UnalignedVec*>(to) = value; }

inline Vec Splat(float value) { return value - Vec{}; }

/** The first `count` lanes; the others are 0. */
inline Vec LoadSome(const float* from, int count) {
  if (count >= kLanes) return Load(from);
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), from);
#else
  Vec value{};
  std::memcpy(&value, from, count * sizeof(float));
  return value;
#endif
}

inline void StoreSome(float* to, Vec value, int count) {
  if (count >= kLanes) return Store(to, value);
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1), (__m512)value);
#else
  std::memcpy(to, &value, count * sizeof(float));
#endif
}

inline float Sum(Vec value) {
  float sum = 0;
  for (int i = 0; i < kLanes; i++) sum += value[i];
  return sum;
}

}  // namespace recnext
