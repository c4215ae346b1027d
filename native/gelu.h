#pragma once

#include "vector.h"

namespace recnext {

/** exp(high + low) for -87 <= high <= 0 and a small low, to about 1 ulp. */
inline Vec ExpNegative(Vec high, Vec low) {
  // Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits.
  const Vec magic = Splat(12582912.0f);
  const Vec shifted = high * 1.44269504f + magic;
  const Vec n = shifted - magic;
  Vec r = high - n * 0.693359375f;
  r = r - n * -2.12194440e-4f + low;
  Vec p = Splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  return (Vec)((IntVec)p + ((IntVec)shifted << 23));
}

/** What GELU and its gradient have in common. */
struct Normal {
  /** Distribution function: the share of the standard normal distribution below x. */
  Vec cdf;
  /** exp(-x^2 / 2) */
  Vec bell;
};

/**
 * The tail beyond a = |x| is exp(-a^2/2) * R(a) with R(a) = erfcx(a / sqrt 2) / 2, which is smooth: a polynomial of degree 9 in
 * (a - 3) / (a + 3) is right to 7e-9 of its value for a <= 13.2 (fitted by weighted least squares at Chebyshev nodes against 40
 * digits). Beyond that the tail is 0 in float32.
 */
inline Normal NormalOf(Vec x) {
  const Vec magnitude = (Vec)((IntVec)x & 0x7fffffff);
  const Vec a = magnitude < 13.0f ? magnitude : Splat(13.0f);
  // a^2 in two parts, the first exact: an error of the square would grow in the exponential.
  const Vec head = (Vec)((IntVec)a & ~0xfff);
  const Vec bell = ExpNegative(head * head * -0.5f, (a + head) * (a - head) * -0.5f);
  const Vec t = (a - 3.0f) / (a + 3.0f);
  Vec r = Splat(5.415087071e-05f);
  r = r * t + 1.160373940e-04f;
  r = r * t - 3.399113484e-04f;
  r = r * t - 9.841828141e-04f;
  r = r * t + 2.904702676e-03f;
  r = r * t + 6.132183131e-03f;
  r = r * t - 4.621331394e-02f;
  r = r * t + 1.232250184e-01f;
  r = r * t - 2.064026147e-01f;
  r = r * t + 1.215139478e-01f;
  const Vec tail = bell * r;
  return {x > 0.0f ? 1.0f - tail : tail, bell};
}

/** x * cdf(x) */
inline Vec Gelu(Vec x) { return x * NormalOf(x).cdf; }

/** Derivative of GELU: cdf(x) + x * density(x). */
inline Vec GeluDerivative(Vec x) {
  const Normal normal = NormalOf(x);
  return normal.cdf + x * normal.bell * 0.3989422804f;
}

}  // namespace recnext
