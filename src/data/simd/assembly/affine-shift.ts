// Shears and translations by cubic convolution: every value lies between four pixels of one row, or of one column.
import { anyPixel } from './affine-exact';
import { LOWER_BITS, PRECISION, weighted } from './lanes';

/**
 * How near to a whole number a sum of four bytes with weights in fixed point is not to be trusted, in its units: twice its largest error. That is half a
 * unit of each weight times 255.
 */
const DOUBT: i32 = 1024;
/** A shift of less than a pixel so near to a whole one might be rounded to it: those are computed in double precision. */
const NEAR: f64 = 1e-6;

/** The weight of tap 0 … 3 in fixed point. */
function fixedWeight(tap: i32, d: f64): i32 {
  let weight = d * (1 + d * (1 - d));
  if (tap == 0) weight = d * (-1 + d * (2 - d));
  else if (tap == 1) weight = 1 + d * d * (d - 2);
  else if (tap == 3) weight = d * d * (d - 1);
  // 1.5 * 2^52 and a number: the sum is rounded to a whole one, which stands in its lowest bits. (Conversions would be repeated in the loops that use them.)
  return <i32>reinterpret<i64>(weight * <f64>(1 << PRECISION) + 6755399441055744);
}

/** The lower halves of two weights, and their upper ones. */
function lowerPair(first: i32, second: i32): v128 {
  return i32x4.splat((first & 0x7fff) | ((second & 0x7fff) << 16));
}
function upperPair(first: i32, second: i32): v128 {
  return i32x4.splat(((first >> LOWER_BITS) & 0xffff) | ((second >> LOWER_BITS) << 16));
}

/** Lanes whose value is in doubt. */
function doubts(sums: v128): v128 {
  const fraction = v128.and(i32x4.add(sums, i32x4.splat(DOUBT)), i32x4.splat((1 << PRECISION) - 1));
  return i32x4.lt_s(fraction, i32x4.splat(2 * DOUBT));
}

/** Horizontal shears and translations: row y is shifted by b (y + 0.5) + c, every value lies in one row, and one row's all have the same weights. */
export function shiftRows(
  source: usize,
  width: i32,
  height: i32,
  b: f64,
  c: f64,
  fill: i32,
  target: usize,
): void {
  const stride = width * 3;
  for (let y = 0; y < height; y++) {
    const from = source + y * stride;
    const to = target + y * stride;
    const ofRow = b * (<f64>y + 0.5);
    const shift = ofRow + c;
    const whole = Math.floor(shift);
    const rest = shift - whole;
    // Pixels whose four taps lie inside.
    let first = width;
    let end = width;
    if (rest > NEAR && rest < 1 - NEAR && whole > -65536 && whole < 65536) {
      const s = <i32>whole;
      first = max(1 - s, 0);
      end = min(width - 2 - s, width);
      if (first < end)
        shiftedRow(
          from + (first + s - 1) * 3,
          (end - first) * 3,
          rest,
          <f64>first + 0.5,
          ofRow,
          c,
          to + first * 3,
        );
      else {
        first = width;
        end = width;
      }
    }
    // The blocks may have reached beyond them.
    for (let x = 0; x < first; x++) rowPixel(source, width, height, x, y, ofRow, c, fill, to);
    for (let x = end; x < width; x++) rowPixel(source, width, height, x, y, ofRow, c, fill, to);
  }
}

function rowPixel(
  source: usize,
  width: i32,
  height: i32,
  x: i32,
  y: i32,
  ofRow: f64,
  c: f64,
  fill: i32,
  to: usize,
): void {
  const u = <f64>x + 0.5 + ofRow + c;
  anyPixel(true, source, width, height, u, <f64>y + 0.5, fill, to + x * 3);
}

/** Bytes of a row, each of four that lie three apart: `from` is the first one's first, `centre` the first one's place. */
function shiftedRow(from: usize, length: i32, d: f64, centre: f64, ofRow: f64, c: f64, to: usize): void {
  const w0 = fixedWeight(0, d);
  const w1 = fixedWeight(1, d);
  const w2 = fixedWeight(2, d);
  const w3 = fixedWeight(3, d);
  const l01 = lowerPair(w0, w1);
  const l23 = lowerPair(w2, w3);
  const u01 = upperPair(w0, w1);
  const u23 = upperPair(w2, w3);
  for (let i = 0; i < length; i += 16) {
    const b0 = v128.load(from + i);
    const b1 = v128.load(from + i, 3);
    const b2 = v128.load(from + i, 6);
    const b3 = v128.load(from + i, 9);
    const front01 = v128.shuffle<u8>(b0, b1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const front23 = v128.shuffle<u8>(b2, b3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const back01 = v128.shuffle<u8>(b0, b1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    const back23 = v128.shuffle<u8>(b2, b3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    const sums0 = weighted(
      i16x8.extend_low_i8x16_u(front01),
      i16x8.extend_low_i8x16_u(front23),
      l01,
      l23,
      u01,
      u23,
    );
    const sums1 = weighted(
      i16x8.extend_high_i8x16_u(front01),
      i16x8.extend_high_i8x16_u(front23),
      l01,
      l23,
      u01,
      u23,
    );
    const sums2 = weighted(
      i16x8.extend_low_i8x16_u(back01),
      i16x8.extend_low_i8x16_u(back23),
      l01,
      l23,
      u01,
      u23,
    );
    const sums3 = weighted(
      i16x8.extend_high_i8x16_u(back01),
      i16x8.extend_high_i8x16_u(back23),
      l01,
      l23,
      u01,
      u23,
    );
    v128.store(
      to + i,
      i8x16.narrow_i16x8_u(
        i16x8.narrow_i32x4_s(i32x4.shr_s(sums0, PRECISION), i32x4.shr_s(sums1, PRECISION)),
        i16x8.narrow_i32x4_s(i32x4.shr_s(sums2, PRECISION), i32x4.shr_s(sums3, PRECISION)),
      ),
    );
    const doubtful = i8x16.narrow_i16x8_s(
      i16x8.narrow_i32x4_s(doubts(sums0), doubts(sums1)),
      i16x8.narrow_i32x4_s(doubts(sums2), doubts(sums3)),
    );
    if (!v128.any_true(doubtful)) continue;
    // Where all four are the same, the value is theirs.
    const same = v128.and(v128.and(i8x16.eq(b0, b1), i8x16.eq(b1, b2)), i8x16.eq(b2, b3));
    v128.store(to + i, v128.bitselect(b1, v128.load(to + i), same));
    for (let bits = i8x16.bitmask(v128.andnot(doubtful, same)); bits != 0; bits &= bits - 1) {
      const at = i + ctz(bits);
      store<u8>(to + at, exactByte(from + at, 3, centre + <f64>(at / 3) + ofRow + c));
    }
  }
}

/** One byte of four that lie `step` apart, at a coordinate, as Pillow computes it. */
function exactByte(from: usize, step: i32, coordinate: f64): u8 {
  const shifted = coordinate - 0.5;
  const d = shifted - Math.floor(shifted);
  const v0 = <f64>load<u8>(from);
  const v1 = <f64>load<u8>(from + step);
  const v2 = <f64>load<u8>(from + 2 * step);
  const v3 = <f64>load<u8>(from + 3 * step);
  const p2 = -v0 + v2;
  const p3 = 2 * (v0 - v1) + v2 - v3;
  const p4 = -v0 + v1 - v2 + v3;
  const value = v1 + d * (p2 + d * (p3 + d * p4));
  return value <= 0 ? 0 : value >= 255 ? 255 : <u8>value;
}

/** Vertical shears and translations: column x is shifted by d (x + 0.5) + f. */
export function shiftColumns(
  source: usize,
  width: i32,
  height: i32,
  d: f64,
  f: f64,
  fill: i32,
  target: usize,
): void {
  const stride = width * 3;
  for (let x = 0; x < width; x++) {
    const ofColumn = d * (<f64>x + 0.5);
    const shift = ofColumn + f;
    const whole = Math.floor(shift);
    const rest = shift - whole;
    let first = height;
    let end = height;
    if (rest > NEAR && rest < 1 - NEAR && whole > -65536 && whole < 65536) {
      const s = <i32>whole;
      first = min(max(1 - s, 0), height);
      end = max(min(height - 2 - s, height), first);
      const from = source + (first + s - 1) * stride + x * 3;
      if (first < end)
        shiftedColumn(
          from,
          stride,
          end - first,
          rest,
          <f64>first + 0.5,
          ofColumn,
          f,
          target + first * stride + x * 3,
        );
    }
    for (let y = 0; y < first; y++)
      columnPixel(source, width, height, x, y, ofColumn, f, fill, target + y * stride);
    for (let y = end; y < height; y++)
      columnPixel(source, width, height, x, y, ofColumn, f, fill, target + y * stride);
  }
}

function columnPixel(
  source: usize,
  width: i32,
  height: i32,
  x: i32,
  y: i32,
  ofColumn: f64,
  f: f64,
  fill: i32,
  to: usize,
): void {
  const v = ofColumn + (<f64>y + 0.5) + f;
  anyPixel(true, source, width, height, <f64>x + 0.5, v, fill, to + x * 3);
}

/** Pixels of a column, each of four that follow one another: `from` is the first one's first, `centre` the first one's place. */
function shiftedColumn(
  from: usize,
  stride: i32,
  length: i32,
  d: f64,
  centre: f64,
  ofColumn: f64,
  f: f64,
  to: usize,
): void {
  const w0 = fixedWeight(0, d);
  const w1 = fixedWeight(1, d);
  const w2 = fixedWeight(2, d);
  const w3 = fixedWeight(3, d);
  const l01 = lowerPair(w0, w1);
  const l23 = lowerPair(w2, w3);
  const u01 = upperPair(w0, w1);
  const u23 = upperPair(w2, w3);
  const zero = i32x4.splat(0);
  let b0 = v128.load32_zero(from);
  let b1 = v128.load32_zero(from + stride);
  let b2 = v128.load32_zero(from + 2 * stride);
  for (let i = 0; i < length; i++) {
    const b3 = v128.load32_zero(from + 3 * stride);
    const pair01 = v128.shuffle<u8>(b0, b1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const pair23 = v128.shuffle<u8>(b2, b3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const sums = weighted(
      i16x8.extend_low_i8x16_u(pair01),
      i16x8.extend_low_i8x16_u(pair23),
      l01,
      l23,
      u01,
      u23,
    );
    const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(i32x4.shr_s(sums, PRECISION), zero), zero);
    v128.store_lane<u16>(to, bytes, 0);
    v128.store_lane<u8>(to, bytes, 2, 2);
    if (i32x4.bitmask(doubts(sums)) & 7)
      for (let c = 0; c < 3; c++)
        store<u8>(to + c, exactByte(from + c, stride, ofColumn + (centre + <f64>i) + f));
    b0 = b1;
    b1 = b2;
    b2 = b3;
    from += stride;
    to += stride;
  }
}
