// Pillow's ImageEnhance (../../augment/enhance.ts): low + factor * (byte - low) in float32, truncated and clipped.
import { clipped, packed } from './lanes';

/** The blend of `low` with `byte`, both whole numbers as floats. */
function blend(low: v128, byte: v128, factor: v128): v128 {
  return clipped(f32x4.add(low, f32x4.mul(factor, f32x4.sub(byte, low))));
}

/** Bytes 0, 3, 6 and 9 of four pixels, as 32-bit lanes: their red; with the pixels shifted, green and blue. */
function red(pixels: v128): v128 {
  return i8x16.swizzle(pixels, i8x16(0, -1, -1, -1, 3, -1, -1, -1, 6, -1, -1, -1, 9, -1, -1, -1));
}
function green(pixels: v128): v128 {
  return i8x16.swizzle(pixels, i8x16(1, -1, -1, -1, 4, -1, -1, -1, 7, -1, -1, -1, 10, -1, -1, -1));
}
function blue(pixels: v128): v128 {
  return i8x16.swizzle(pixels, i8x16(2, -1, -1, -1, 5, -1, -1, -1, 8, -1, -1, -1, 11, -1, -1, -1));
}

/** Pillow's luma, 16-bit fixed point. */
function luma(r: v128, g: v128, b: v128): v128 {
  const sum = i32x4.add(
    i32x4.add(i32x4.mul(r, i32x4.splat(19595)), i32x4.mul(g, i32x4.splat(38470))),
    i32x4.add(i32x4.mul(b, i32x4.splat(7471)), i32x4.splat(0x8000)),
  );
  return i32x4.shr_u(sum, 16);
}

/** Each pixel blended with its luma. A factor of 0 gives the luma in every channel. */
export function saturate(source: usize, length: i32, factor: f32, target: usize): void {
  const factors = f32x4.splat(factor);
  const end = source + length;
  for (; source < end; source += 12) {
    const pixels = v128.load(source);
    const r = red(pixels);
    const g = green(pixels);
    const b = blue(pixels);
    const low = f32x4.convert_i32x4_u(luma(r, g, b));
    const zero = i32x4.splat(0);
    const planes = packed(
      blend(low, f32x4.convert_i32x4_u(r), factors),
      blend(low, f32x4.convert_i32x4_u(g), factors),
      blend(low, f32x4.convert_i32x4_u(b), factors),
      zero,
    );
    // What reaches beyond the four pixels is written over by the next ones.
    v128.store(target, i8x16.swizzle(planes, i8x16(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, 12, 12, 12, 12)));
    target += 12;
  }
}

/** Sum of the luma of all pixels. */
export function lumaSum(source: usize, length: i32): f64 {
  const end = source + length;
  let sums = i32x4.splat(0);
  for (; source + 12 <= end; source += 12) {
    const pixels = v128.load(source);
    sums = i32x4.add(sums, luma(red(pixels), green(pixels), blue(pixels)));
  }
  let sum =
    <f64>i32x4.extract_lane(sums, 0) +
    <f64>i32x4.extract_lane(sums, 1) +
    <f64>i32x4.extract_lane(sums, 2) +
    <f64>i32x4.extract_lane(sums, 3);
  for (; source < end; source += 3)
    sum += <f64>(
      ((<i32>load<u8>(source) * 19595 +
        <i32>load<u8>(source, 1) * 38470 +
        <i32>load<u8>(source, 2) * 7471 +
        0x8000) >>
        16)
    );
  return sum;
}

/** Blends with Pillow's SMOOTH filter: 1 1 1 / 1 5 1 / 1 1 1 over 13. The outermost pixels stay as they are. */
export function sharpen(source: usize, width: i32, height: i32, factor: f32, target: usize): void {
  const row = width * 3;
  memory.copy(target, source, row);
  for (let y = 1; y < height - 1; y++) {
    const from = source + y * row;
    const to = target + y * row;
    for (let i = 3; i < row - 3; i += 16) v128.store(to + i, sharpened(from + i, row, factor));
    // Blocks reached beyond the inner pixels: into the last one, and the first of the next row.
    copyPixel(from, to);
    copyPixel(from + row - 3, to + row - 3);
  }
  if (height > 1) memory.copy(target + (height - 1) * row, source + (height - 1) * row, row);
}

function copyPixel(from: usize, to: usize): void {
  store<u16>(to, load<u16>(from));
  store<u8>(to, load<u8>(from, 2), 2);
}

function lowerSum(a: v128, b: v128, c: v128): v128 {
  return i16x8.add(
    i16x8.add(i16x8.extend_low_i8x16_u(a), i16x8.extend_low_i8x16_u(b)),
    i16x8.extend_low_i8x16_u(c),
  );
}
function upperSum(a: v128, b: v128, c: v128): v128 {
  return i16x8.add(
    i16x8.add(i16x8.extend_high_i8x16_u(a), i16x8.extend_high_i8x16_u(b)),
    i16x8.extend_high_i8x16_u(c),
  );
}

/** Sixteen bytes from `at` on. */
function sharpened(at: usize, row: i32, factor: f32): v128 {
  const above = at - row;
  const below = at + row;
  const byte = v128.load(at);
  const a0 = v128.load(above - 3);
  const a1 = v128.load(above);
  const a2 = v128.load(above + 3);
  const b0 = v128.load(at - 3);
  const b2 = v128.load(at + 3);
  const c0 = v128.load(below - 3);
  const c1 = v128.load(below);
  const c2 = v128.load(below + 3);
  const middleLow = i16x8.extend_low_i8x16_u(byte);
  const middleHigh = i16x8.extend_high_i8x16_u(byte);
  const sumLow = i16x8.add(
    i16x8.add(lowerSum(a0, a1, a2), lowerSum(b0, byte, b2)),
    i16x8.add(lowerSum(c0, c1, c2), i16x8.shl(middleLow, 2)),
  );
  const sumHigh = i16x8.add(
    i16x8.add(upperSum(a0, a1, a2), upperSum(b0, byte, b2)),
    i16x8.add(upperSum(c0, c1, c2), i16x8.shl(middleHigh, 2)),
  );
  const factors = f32x4.splat(factor);
  return packed(
    smoothed(i32x4.extend_low_i16x8_u(sumLow), i32x4.extend_low_i16x8_u(middleLow), factors),
    smoothed(i32x4.extend_high_i16x8_u(sumLow), i32x4.extend_high_i16x8_u(middleLow), factors),
    smoothed(i32x4.extend_low_i16x8_u(sumHigh), i32x4.extend_low_i16x8_u(middleHigh), factors),
    smoothed(i32x4.extend_high_i16x8_u(sumHigh), i32x4.extend_high_i16x8_u(middleHigh), factors),
  );
}

/** `sum / 13`, rounded, blended with `byte`. (2 sum + 13) / 26 is never nearer than 1/26 to a whole number: float32 is exact enough to truncate it. */
function smoothed(sum: v128, byte: v128, factors: v128): v128 {
  const doubled = f32x4.convert_i32x4_u(i32x4.add(i32x4.add(sum, sum), i32x4.splat(13)));
  const low = f32x4.trunc(f32x4.mul(doubled, f32x4.splat(<f32>(1.0 / 26.0))));
  return blend(low, f32x4.convert_i32x4_u(byte), factors);
}
