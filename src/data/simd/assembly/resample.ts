// The two passes of a resize (../../resample-plain.ts).
import { firstPair, LOWER_BITS, PRECISION, secondPair } from './lanes';

/** Rounds a sum half up. */
const HALF: i32 = 1 << (PRECISION - 1);

/** Two sums of the halves of the coefficients to four bytes (in 32-bit lanes). */
function rounded(lower: v128, upper: v128): v128 {
  const sum = i32x4.add(i32x4.add(i32x4.shl(upper, LOWER_BITS), lower), i32x4.splat(HALF));
  return i32x4.shr_s(sum, PRECISION);
}

/**
 * Resizes rows. For output x the taps begin at byte `starts[x]` of the row; `weights` has for every two of its `taps` (an even number) four 16-bit numbers:
 * the lower halves of the two coefficients, then the upper ones.
 *
 * @param sourceStride bytes from row to row
 * @param targetStride the same of the result
 */
export function horizontal(
  source: usize,
  sourceStride: i32,
  height: i32,
  starts: usize,
  weights: usize,
  taps: i32,
  width: i32,
  target: usize,
  targetStride: i32,
): void {
  let y = 0;
  for (; y + 1 < height; y += 2) {
    twoRows(source, sourceStride, starts, weights, taps, width, target, targetStride);
    source += sourceStride << 1;
    target += targetStride << 1;
  }
  // The last of an odd number is computed twice, the second time into the same place.
  if (y < height) twoRows(source, 0, starts, weights, taps, width, target, 0);
}

/** Two rows at a time share the loads of the coefficients. */
function twoRows(
  source: usize,
  sourceStride: i32,
  starts: usize,
  weights: usize,
  taps: i32,
  width: i32,
  target: usize,
  targetStride: i32,
): void {
  const zero = i32x4.splat(0);
  const last = width - 1;
  let weight = weights;
  for (let x = 0; x < width; x++) {
    let pixel = source + <usize>load<i32>(starts + ((<usize>x) << 2));
    let lower0 = zero;
    let upper0 = zero;
    let lower1 = zero;
    let upper1 = zero;
    let left = taps;
    for (; left >= 4; left -= 4) {
      const four0 = v128.load(pixel);
      const four1 = v128.load(pixel + sourceStride);
      let lower = v128.load32_splat(weight);
      let upper = v128.load32_splat(weight, 4);
      let pair0 = firstPair(four0);
      let pair1 = firstPair(four1);
      lower0 = i32x4.add(lower0, i32x4.dot_i16x8_s(pair0, lower));
      lower1 = i32x4.add(lower1, i32x4.dot_i16x8_s(pair1, lower));
      upper0 = i32x4.add(upper0, i32x4.dot_i16x8_s(pair0, upper));
      upper1 = i32x4.add(upper1, i32x4.dot_i16x8_s(pair1, upper));
      lower = v128.load32_splat(weight, 8);
      upper = v128.load32_splat(weight, 12);
      pair0 = secondPair(four0);
      pair1 = secondPair(four1);
      lower0 = i32x4.add(lower0, i32x4.dot_i16x8_s(pair0, lower));
      lower1 = i32x4.add(lower1, i32x4.dot_i16x8_s(pair1, lower));
      upper0 = i32x4.add(upper0, i32x4.dot_i16x8_s(pair0, upper));
      upper1 = i32x4.add(upper1, i32x4.dot_i16x8_s(pair1, upper));
      pixel += 12;
      weight += 16;
    }
    if (left > 0) {
      const lower = v128.load32_splat(weight);
      const upper = v128.load32_splat(weight, 4);
      const pair0 = firstPair(v128.load(pixel));
      const pair1 = firstPair(v128.load(pixel + sourceStride));
      lower0 = i32x4.add(lower0, i32x4.dot_i16x8_s(pair0, lower));
      lower1 = i32x4.add(lower1, i32x4.dot_i16x8_s(pair1, lower));
      upper0 = i32x4.add(upper0, i32x4.dot_i16x8_s(pair0, upper));
      upper1 = i32x4.add(upper1, i32x4.dot_i16x8_s(pair1, upper));
      weight += 8;
    }
    const words = i16x8.narrow_i32x4_s(rounded(lower0, upper0), rounded(lower1, upper1));
    const bytes = i8x16.narrow_i16x8_u(words, words);
    if (x < last) {
      // The fourth byte is written over by the next pixel.
      v128.store_lane<u32>(target, bytes, 0);
      v128.store_lane<u32>(target + targetStride, bytes, 1);
    } else {
      // Behind the first row lies the second, which begins with a pixel that is done.
      v128.store_lane<u16>(target, bytes, 0);
      v128.store_lane<u8>(target + 2, bytes, 2);
      v128.store_lane<u16>(target + targetStride, bytes, 2);
      v128.store_lane<u8>(target + targetStride + 2, bytes, 6);
    }
    target += 3;
  }
}

/**
 * Resizes columns: rows of `bytes`, `stride` apart. Output row y begins at byte `starts[y]`; `weights` as of {@link horizontal}.
 */
export function vertical(
  source: usize,
  stride: i32,
  bytes: i32,
  starts: usize,
  weights: usize,
  taps: i32,
  height: i32,
  target: usize,
): void {
  const zero = i32x4.splat(0);
  for (let y = 0; y < height; y++) {
    const rows = source + <usize>load<i32>(starts + ((<usize>y) << 2));
    for (let i = 0; i < bytes; i += 16) {
      let pixel = rows + i;
      let weight = weights;
      let lower0 = zero;
      let lower1 = zero;
      let lower2 = zero;
      let lower3 = zero;
      let upper0 = zero;
      let upper1 = zero;
      let upper2 = zero;
      let upper3 = zero;
      for (let t = 0; t < taps; t += 2) {
        const first = v128.load(pixel);
        const second = v128.load(pixel + stride);
        // Bytes of the two rows in turn.
        const front = v128.shuffle<u8>(first, second, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const back = v128.shuffle<u8>(
          first,
          second,
          8,
          24,
          9,
          25,
          10,
          26,
          11,
          27,
          12,
          28,
          13,
          29,
          14,
          30,
          15,
          31,
        );
        const lower = v128.load32_splat(weight);
        const upper = v128.load32_splat(weight, 4);
        const pairs0 = i16x8.extend_low_i8x16_u(front);
        const pairs1 = i16x8.extend_high_i8x16_u(front);
        const pairs2 = i16x8.extend_low_i8x16_u(back);
        const pairs3 = i16x8.extend_high_i8x16_u(back);
        lower0 = i32x4.add(lower0, i32x4.dot_i16x8_s(pairs0, lower));
        lower1 = i32x4.add(lower1, i32x4.dot_i16x8_s(pairs1, lower));
        lower2 = i32x4.add(lower2, i32x4.dot_i16x8_s(pairs2, lower));
        lower3 = i32x4.add(lower3, i32x4.dot_i16x8_s(pairs3, lower));
        upper0 = i32x4.add(upper0, i32x4.dot_i16x8_s(pairs0, upper));
        upper1 = i32x4.add(upper1, i32x4.dot_i16x8_s(pairs1, upper));
        upper2 = i32x4.add(upper2, i32x4.dot_i16x8_s(pairs2, upper));
        upper3 = i32x4.add(upper3, i32x4.dot_i16x8_s(pairs3, upper));
        pixel += stride << 1;
        weight += 8;
      }
      const words0 = i16x8.narrow_i32x4_s(rounded(lower0, upper0), rounded(lower1, upper1));
      const words1 = i16x8.narrow_i32x4_s(rounded(lower2, upper2), rounded(lower3, upper3));
      // What reaches beyond the row is written over by the next one.
      v128.store(target + i, i8x16.narrow_i16x8_u(words0, words1));
    }
    weights += (<usize>taps) << 2;
    target += bytes;
  }
}
