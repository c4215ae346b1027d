#pragma once

#include "vector.h"

namespace recnext {

/** The upper half of a float: its sign, its exponent and 7 bits of its mantissa. */
struct bfloat16 {
  uint16_t bits;
};

typedef uint16_t HalfVec __attribute__((vector_size(kLanes * 2)));

/** The first `count` lanes; the others are 0. */
inline Vec LoadSome(const bfloat16* from, int count) {
  HalfVec halves{};
  if (count >= kLanes)
    std::memcpy(&halves, from, sizeof(halves));
  else
    std::memcpy(&halves, from, count * sizeof(bfloat16));
  return (Vec)(__builtin_convertvector(halves, IntVec) << 16);
}

/** Rounds to the nearest, halves to even, as TensorFlow does; NaN stays NaN. */
inline void StoreSome(bfloat16* to, Vec value, int count) {
#if defined(__AVX512BF16__)
  const __m256bh halves = _mm512_cvtneps_pbh((__m512)value);
#else
  const IntVec bits = (IntVec)value;
  const IntVec rounded = ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) & 0xffff;
  const HalfVec halves = __builtin_convertvector(value == value ? rounded : IntVec{} + 0x7fc0, HalfVec);
#endif
  if (count >= kLanes)
    std::memcpy(to, &halves, sizeof(halves));
  else
    std::memcpy(to, &halves, count * sizeof(bfloat16));
}

}  // namespace recnext
