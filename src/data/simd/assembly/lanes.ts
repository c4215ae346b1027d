// Bytes to lanes of 32 bits and back.

/** Of pixels 0 and 1, the 16-bit lanes r0 r1 g0 g1 b0 b1. */
export function firstPair(pixels: v128): v128 {
  return i8x16.swizzle(pixels, i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
}

/** Of pixels 2 and 3, the 16-bit lanes r2 r3 g2 g3 b2 b3. */
export function secondPair(pixels: v128): v128 {
  return i8x16.swizzle(pixels, i8x16(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
}

/** Fixed-point bits of a weight, and of them those in its lower half: products with 16-bit halves sum up two at a time. */
export const PRECISION: i32 = 22;
export const LOWER_BITS: i32 = 15;

/** Two pairs of bytes in 16-bit lanes, weighted: sums with {@link PRECISION} bits behind the point. */
export function weighted(first: v128, second: v128, l01: v128, l23: v128, u01: v128, u23: v128): v128 {
  const lower = i32x4.add(i32x4.dot_i16x8_s(first, l01), i32x4.dot_i16x8_s(second, l23));
  const upper = i32x4.add(i32x4.dot_i16x8_s(first, u01), i32x4.dot_i16x8_s(second, u23));
  return i32x4.add(i32x4.shl(upper, LOWER_BITS), lower);
}

/** 2^23: added to a whole number below it, the number stands in the lowest bits of the float. */
const MAGIC: f32 = 8388608;

/** The nearest position inside of `size`. */
export function clamp(position: i32, size: i32): i32 {
  return min(max(position, 0), size - 1);
}

/** The three bytes at `address` in 32-bit lanes; the fourth is of no meaning. */
export function pixelAt(address: usize): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(address)));
}

/** Floats to whole numbers of 0 … 255, truncated and clipped, one in each 32-bit lane. */
export function clipped(lanes: v128): v128 {
  const inside = f32x4.pmin(f32x4.splat(255), f32x4.pmax(f32x4.splat(0), lanes));
  return v128.and(f32x4.add(f32x4.trunc(inside), f32x4.splat(MAGIC)), i32x4.splat(255));
}

/** Four times four lanes of 0 … 255 to sixteen bytes. */
export function packed(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

/** Lanes `lane` of a vector of floats in all four. */
export function spread0(lanes: v128): v128 {
  return v128.shuffle<u32>(lanes, lanes, 0, 0, 0, 0);
}
export function spread1(lanes: v128): v128 {
  return v128.shuffle<u32>(lanes, lanes, 1, 1, 1, 1);
}
export function spread2(lanes: v128): v128 {
  return v128.shuffle<u32>(lanes, lanes, 2, 2, 2, 2);
}
export function spread3(lanes: v128): v128 {
  return v128.shuffle<u32>(lanes, lanes, 3, 3, 3, 3);
}
