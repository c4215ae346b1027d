// One box blur of Pillow's three (../../augment/blur.ts): boxes of 2 `whole` + 1 pixels of `weight`, and one of `edge` on either side; edges repeated;
// 24 bits behind the point, sums below 2^32.
import { clamp, pixelAt } from './lanes';

const PRECISION: i32 = 24;
const HALF: i32 = 1 << (PRECISION - 1);

function blurred(sum: v128, edges: v128, weight: v128, edge: v128): v128 {
  const total = i32x4.add(i32x4.mul(sum, weight), i32x4.mul(edges, edge));
  return i32x4.shr_u(i32x4.add(total, i32x4.splat(HALF)), PRECISION);
}

/** Along the rows. */
export function blurRows(
  source: usize,
  width: i32,
  height: i32,
  whole: i32,
  weight: i32,
  edge: i32,
  target: usize,
): void {
  const weights = i32x4.splat(weight);
  const edgeWeights = i32x4.splat(edge);
  for (let y = 0; y < height; y++) {
    let sum = i32x4.splat(0);
    for (let x = -whole - 1; x < whole; x++) sum = i32x4.add(sum, pixelAt(source + clamp(x, width) * 3));
    for (let x = 0; x < width; x++) {
      const before = pixelAt(source + clamp(x - whole - 1, width) * 3);
      const after = pixelAt(source + clamp(x + whole + 1, width) * 3);
      sum = i32x4.sub(i32x4.add(sum, pixelAt(source + clamp(x + whole, width) * 3)), before);
      const value = blurred(sum, i32x4.add(before, after), weights, edgeWeights);
      // The fourth byte is written over by the next pixel.
      const bytes = i8x16.swizzle(value, i8x16(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12));
      v128.store_lane<u32>(target, bytes, 0);
      target += 3;
    }
    source += width * 3;
  }
}

/** Along the columns; rows of at least 16 bytes. */
export function blurColumns(
  source: usize,
  width: i32,
  height: i32,
  whole: i32,
  weight: i32,
  edge: i32,
  target: usize,
): void {
  const row = width * 3;
  const last = row - 16;
  for (let i = 0; ; i += 16) {
    // The last block may overlap with the one before.
    const at = min(i, last);
    columns(source + at, row, height, whole, weight, edge, target + at);
    if (i >= last) break;
  }
}

/** Sixteen bytes of every row. */
function columns(
  source: usize,
  row: i32,
  height: i32,
  whole: i32,
  weight: i32,
  edge: i32,
  target: usize,
): void {
  const weights = i32x4.splat(weight);
  const edgeWeights = i32x4.splat(edge);
  let sum0 = i32x4.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  for (let y = -whole - 1; y < whole; y++) {
    const bytes = v128.load(source + clamp(y, height) * row);
    const low = i16x8.extend_low_i8x16_u(bytes);
    const high = i16x8.extend_high_i8x16_u(bytes);
    sum0 = i32x4.add(sum0, i32x4.extend_low_i16x8_u(low));
    sum1 = i32x4.add(sum1, i32x4.extend_high_i16x8_u(low));
    sum2 = i32x4.add(sum2, i32x4.extend_low_i16x8_u(high));
    sum3 = i32x4.add(sum3, i32x4.extend_high_i16x8_u(high));
  }
  for (let y = 0; y < height; y++) {
    const before = v128.load(source + clamp(y - whole - 1, height) * row);
    const entering = v128.load(source + clamp(y + whole, height) * row);
    const after = v128.load(source + clamp(y + whole + 1, height) * row);
    const beforeLow = i16x8.extend_low_i8x16_u(before);
    const beforeHigh = i16x8.extend_high_i8x16_u(before);
    const changeLow = i16x8.sub(i16x8.extend_low_i8x16_u(entering), beforeLow);
    const changeHigh = i16x8.sub(i16x8.extend_high_i8x16_u(entering), beforeHigh);
    const edgesLow = i16x8.add(i16x8.extend_low_i8x16_u(after), beforeLow);
    const edgesHigh = i16x8.add(i16x8.extend_high_i8x16_u(after), beforeHigh);
    sum0 = i32x4.add(sum0, i32x4.extend_low_i16x8_s(changeLow));
    sum1 = i32x4.add(sum1, i32x4.extend_high_i16x8_s(changeLow));
    sum2 = i32x4.add(sum2, i32x4.extend_low_i16x8_s(changeHigh));
    sum3 = i32x4.add(sum3, i32x4.extend_high_i16x8_s(changeHigh));
    const value0 = blurred(sum0, i32x4.extend_low_i16x8_u(edgesLow), weights, edgeWeights);
    const value1 = blurred(sum1, i32x4.extend_high_i16x8_u(edgesLow), weights, edgeWeights);
    const value2 = blurred(sum2, i32x4.extend_low_i16x8_u(edgesHigh), weights, edgeWeights);
    const value3 = blurred(sum3, i32x4.extend_high_i16x8_u(edgesHigh), weights, edgeWeights);
    v128.store(
      target,
      i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(value0, value1), i16x8.narrow_i32x4_s(value2, value3)),
    );
    target += row;
  }
}
