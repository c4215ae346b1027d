// Resampling and affine transforms of 8-bit RGB pictures in WebAssembly SIMD. This is AssemblyScript, not TypeScript: compiled by
// scripts/build-simd.mjs into ../module.ts. Each function equals its TypeScript counterpart (../../resample.ts, ../../augment/affine.ts)
// bit for bit. Loads and stores may reach up to 16 bytes and one row beyond the pictures: the caller leaves room.

/** Fixed-point bits of a coefficient, and of them those in its lower half: products with 16-bit halves sum up two at a time. */
const PRECISION: i32 = 22;
const LOWER_BITS: i32 = 15;
const HALF: i32 = 1 << (PRECISION - 1);

/** Two sums of the halves of the coefficients to four bytes (in 32-bit lanes). */
function rounded(lower: v128, upper: v128): v128 {
  const sum = i32x4.add(i32x4.add(i32x4.shl(upper, LOWER_BITS), lower), i32x4.splat(HALF));
  return i32x4.shr_s(sum, PRECISION);
}

/**
 * Resizes rows. For output x the taps begin at byte `starts[x]` of the row; `weights` has for every four of its `taps` (a multiple of 4)
 * eight 16-bit numbers: the lower halves of the four coefficients, then the upper ones.
 */
export function horizontal(
  source: usize,
  stride: i32,
  height: i32,
  starts: usize,
  weights: usize,
  taps: i32,
  width: i32,
  target: usize,
): void {
  const zero = i32x4.splat(0);
  for (let y = 0; y < height; y++) {
    let weight = weights;
    for (let x = 0; x < width; x++) {
      let pixel = source + <usize>load<i32>(starts + ((<usize>x) << 2));
      let lower = zero;
      let upper = zero;
      for (let t = 0; t < taps; t += 4) {
        const four = v128.load(pixel);
        // 16-bit lanes r0 r1 g0 g1 b0 b1 and r2 r3 g2 g3 b2 b3.
        const first = v128.shuffle<u8>(four, zero, 0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5, 16, 16, 16, 16, 16);
        const second = v128.shuffle<u8>(
          four,
          zero,
          6,
          16,
          9,
          16,
          7,
          16,
          10,
          16,
          8,
          16,
          11,
          16,
          16,
          16,
          16,
          16,
        );
        lower = i32x4.add(lower, i32x4.dot_i16x8_s(first, v128.load32_splat(weight)));
        lower = i32x4.add(lower, i32x4.dot_i16x8_s(second, v128.load32_splat(weight, 4)));
        upper = i32x4.add(upper, i32x4.dot_i16x8_s(first, v128.load32_splat(weight, 8)));
        upper = i32x4.add(upper, i32x4.dot_i16x8_s(second, v128.load32_splat(weight, 12)));
        pixel += 12;
        weight += 16;
      }
      const words = i16x8.narrow_i32x4_s(rounded(lower, upper), zero);
      // The fourth byte is written over by the next pixel.
      v128.store_lane<u32>(target, i8x16.narrow_i16x8_u(words, zero), 0);
      target += 3;
    }
    source += stride;
  }
}

/**
 * Resizes columns: rows of `bytes`, `stride` apart. Output row y begins at byte `starts[y]`; `weights` has for every two of its `taps` (a
 * multiple of 2) four 16-bit numbers: the lower halves of the two coefficients, then the upper ones.
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

/** A pixel's bytes in 32-bit lanes; the fourth is of no meaning. */
function pixelAt(address: usize): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(address)));
}

function clamp(position: i32, size: i32): i32 {
  return min(max(position, 0), size - 1);
}

function upperHalf(lanes: v128): v128 {
  return v128.shuffle<u64>(lanes, lanes, 1, 1);
}

/** Cubic convolution with a = -1 by its polynomial. */
function horner(p1: v128, p2: v128, p3: v128, p4: v128, d: v128): v128 {
  const inner = f64x2.add(p3, f64x2.mul(d, p4));
  return f64x2.add(p1, f64x2.mul(d, f64x2.add(p2, f64x2.mul(d, inner))));
}

/** Cubic convolution between four rows of doubles, operation by operation as Pillow. */
function between(v0: v128, v1: v128, v2: v128, v3: v128, d: v128): v128 {
  const p2 = f64x2.add(f64x2.neg(v0), v2);
  const difference = f64x2.sub(v0, v1);
  const p3 = f64x2.sub(f64x2.add(f64x2.mul(f64x2.splat(2), difference), v2), v3);
  const p4 = f64x2.add(f64x2.sub(f64x2.add(f64x2.neg(v0), v1), v2), v3);
  return horner(v1, p2, p3, p4, d);
}

/** What {@link interpolate} gives: red and green, and blue. AssemblyScript's functions return one value. */
let rowRedGreen: v128 = i32x4.splat(0);
let rowBlue: v128 = i32x4.splat(0);

/** The four pixels of a row at x0 … x3, interpolated at `d`. */
function row(address: usize, x0: i32, x1: i32, x2: i32, x3: i32, d: v128): void {
  interpolate(pixelAt(address + x0), pixelAt(address + x1), pixelAt(address + x2), pixelAt(address + x3), d);
}

/** Four pixels interpolated at `d` between the second and the third: all differences are exact in whole numbers. */
function interpolate(v0: v128, v1: v128, v2: v128, v3: v128, d: v128): void {
  const difference = i32x4.sub(v0, v1);
  const p2 = i32x4.sub(v2, v0);
  const last = i32x4.sub(v2, v3);
  const p3 = i32x4.add(i32x4.add(difference, difference), last);
  const p4 = i32x4.neg(i32x4.add(difference, last));
  rowRedGreen = horner(
    f64x2.convert_low_i32x4_s(v1),
    f64x2.convert_low_i32x4_s(p2),
    f64x2.convert_low_i32x4_s(p3),
    f64x2.convert_low_i32x4_s(p4),
    d,
  );
  rowBlue = horner(
    f64x2.convert_low_i32x4_s(upperHalf(v1)),
    f64x2.convert_low_i32x4_s(upperHalf(p2)),
    f64x2.convert_low_i32x4_s(upperHalf(p3)),
    f64x2.convert_low_i32x4_s(upperHalf(p4)),
    d,
  );
}

/** Pillow's bicubic affine transform of a picture of its own size; `fill` has the three bytes of the colour. */
export function affineBicubic(
  source: usize,
  width: i32,
  height: i32,
  a: f64,
  b: f64,
  c: f64,
  d: f64,
  e: f64,
  f: f64,
  fill: i32,
  target: usize,
): void {
  const zero = i32x4.splat(0);
  const stride = width * 3;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const u = a * (<f64>x + 0.5) + b * (<f64>y + 0.5) + c;
      const v = d * (<f64>x + 0.5) + e * (<f64>y + 0.5) + f;
      if (u < 0 || u >= <f64>width || v < 0 || v >= <f64>height) {
        store<i32>(target, fill);
        target += 3;
        continue;
      }
      const left = Math.floor(u - 0.5);
      const top = Math.floor(v - 0.5);
      const dx = f64x2.splat(u - 0.5 - left);
      const dy = f64x2.splat(v - 0.5 - top);
      const column = <i32>left;
      const line = <i32>top;
      const x0 = clamp(column - 1, width) * 3;
      const x1 = clamp(column, width) * 3;
      const x2 = clamp(column + 1, width) * 3;
      const x3 = clamp(column + 2, width) * 3;
      const y0 = source + clamp(line - 1, height) * stride;
      const y1 = source + clamp(line, height) * stride;
      const y2 = source + clamp(line + 1, height) * stride;
      const y3 = source + clamp(line + 2, height) * stride;
      let redGreen: v128;
      let blue: v128;
      if (v - 0.5 == top) {
        // Horizontal shears and translations: interpolating rows at 0 gives the second one, exactly.
        row(y1, x0, x1, x2, x3, dx);
        redGreen = rowRedGreen;
        blue = rowBlue;
      } else if (u - 0.5 == left) {
        // Vertical ones: each row is its second pixel.
        const v0 = pixelAt(y0 + x1);
        const v1 = pixelAt(y1 + x1);
        const v2 = pixelAt(y2 + x1);
        const v3 = pixelAt(y3 + x1);
        interpolate(v0, v1, v2, v3, dy);
        redGreen = rowRedGreen;
        blue = rowBlue;
      } else {
        row(y0, x0, x1, x2, x3, dx);
        const redGreen0 = rowRedGreen;
        const blue0 = rowBlue;
        row(y1, x0, x1, x2, x3, dx);
        const redGreen1 = rowRedGreen;
        const blue1 = rowBlue;
        row(y2, x0, x1, x2, x3, dx);
        const redGreen2 = rowRedGreen;
        const blue2 = rowBlue;
        row(y3, x0, x1, x2, x3, dx);
        redGreen = between(redGreen0, redGreen1, redGreen2, rowRedGreen, dy);
        blue = between(blue0, blue1, blue2, rowBlue, dy);
      }
      redGreen = i32x4.trunc_sat_f64x2_s_zero(redGreen);
      blue = i32x4.trunc_sat_f64x2_s_zero(blue);
      const words = i16x8.narrow_i32x4_s(v128.shuffle<u64>(redGreen, blue, 0, 2), zero);
      v128.store_lane<u32>(target, i8x16.narrow_i16x8_u(words, zero), 0);
      target += 3;
    }
}

/** Counts how often each byte comes in each channel: 768 counters, which are zero before. */
export function histogram(source: usize, length: i32, counts: usize): void {
  const end = source + length;
  for (let pixel = source; pixel < end; pixel += 3) {
    const red = counts + ((<usize>load<u8>(pixel)) << 2);
    const green = counts + ((<usize>load<u8>(pixel, 1)) << 2);
    const blue = counts + ((<usize>load<u8>(pixel, 2)) << 2);
    store<u32>(red, load<u32>(red) + 1);
    store<u32>(green, load<u32>(green, 1024) + 1, 1024);
    store<u32>(blue, load<u32>(blue, 2048) + 1, 2048);
  }
}

/** Replaces each byte by that of its channel's table of 256, in place; the tables lie one after the other. */
export function lookup(pixels: usize, length: i32, tables: usize): void {
  const end = pixels + length;
  for (let pixel = pixels; pixel < end; pixel += 6) {
    const red = load<u8>(tables + <usize>load<u8>(pixel));
    const green = load<u8>(tables + <usize>load<u8>(pixel, 1), 256);
    const blue = load<u8>(tables + <usize>load<u8>(pixel, 2), 512);
    const nextRed = load<u8>(tables + <usize>load<u8>(pixel, 3));
    const nextGreen = load<u8>(tables + <usize>load<u8>(pixel, 4), 256);
    const nextBlue = load<u8>(tables + <usize>load<u8>(pixel, 5), 512);
    store<u32>(pixel, (<u32>red) | ((<u32>green) << 8) | ((<u32>blue) << 16) | ((<u32>nextRed) << 24));
    store<u16>(pixel, (<u16>nextGreen) | ((<u16>nextBlue) << 8), 4);
  }
}
