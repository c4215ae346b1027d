// Single values of Pillow's affine transforms, in double precision, operation by operation.
import { clamp, pixelAt } from './lanes';

function upperHalf(lanes: v128): v128 {
  return v128.shuffle<u64>(lanes, lanes, 1, 1);
}

/** Doubles red and green, and blue, truncated and clipped to three bytes. */
function storeDoubles(redGreen: v128, blue: v128, target: usize): void {
  const zero = i32x4.splat(0);
  const lanes = v128.shuffle<u64>(
    i32x4.trunc_sat_f64x2_s_zero(redGreen),
    i32x4.trunc_sat_f64x2_s_zero(blue),
    0,
    2,
  );
  const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(lanes, zero), zero);
  v128.store_lane<u16>(target, bytes, 0);
  v128.store_lane<u8>(target, bytes, 2, 2);
}

/** Cubic convolution with a = -1 by its polynomial. */
function horner(p1: v128, p2: v128, p3: v128, p4: v128, d: v128): v128 {
  const inner = f64x2.add(p3, f64x2.mul(d, p4));
  return f64x2.add(p1, f64x2.mul(d, f64x2.add(p2, f64x2.mul(d, inner))));
}

/** Cubic convolution between four rows of doubles. */
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

/** Bicubic between the 16 pixels around (u, v), anywhere in the picture. */
function exactBicubic(source: usize, width: i32, height: i32, u: f64, v: f64, target: usize): void {
  const stride = width * 3;
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
  row(source + clamp(line - 1, height) * stride, x0, x1, x2, x3, dx);
  const redGreen0 = rowRedGreen;
  const blue0 = rowBlue;
  row(source + clamp(line, height) * stride, x0, x1, x2, x3, dx);
  const redGreen1 = rowRedGreen;
  const blue1 = rowBlue;
  row(source + clamp(line + 1, height) * stride, x0, x1, x2, x3, dx);
  const redGreen2 = rowRedGreen;
  const blue2 = rowBlue;
  row(source + clamp(line + 2, height) * stride, x0, x1, x2, x3, dx);
  storeDoubles(
    between(redGreen0, redGreen1, redGreen2, rowRedGreen, dy),
    between(blue0, blue1, blue2, rowBlue, dy),
    target,
  );
}

/** Bilinear between the four pixels around (u, v), anywhere in the picture. */
function exactBilinear(source: usize, width: i32, height: i32, u: f64, v: f64, target: usize): void {
  const stride = width * 3;
  const leftmost = Math.floor(u - 0.5);
  const topmost = Math.floor(v - 0.5);
  const dx = f64x2.splat(u - 0.5 - leftmost);
  const dy = f64x2.splat(v - 0.5 - topmost);
  const left = clamp(<i32>leftmost, width) * 3;
  const right = clamp(<i32>leftmost + 1, width) * 3;
  const top = source + clamp(<i32>topmost, height) * stride;
  const bottom = source + clamp(<i32>topmost + 1, height) * stride;
  const v0 = pixelAt(top + left);
  const v1 = pixelAt(top + right);
  const v2 = pixelAt(bottom + left);
  const v3 = pixelAt(bottom + right);
  storeDoubles(
    lerp(lerpPixels(v0, v1, dx), lerpPixels(v2, v3, dx), dy),
    lerp(lerpPixels(upperHalf(v0), upperHalf(v1), dx), lerpPixels(upperHalf(v2), upperHalf(v3), dx), dy),
    target,
  );
}

function lerp(from: v128, to: v128, share: v128): v128 {
  return f64x2.add(from, f64x2.mul(f64x2.sub(to, from), share));
}

/** The first two channels of pixels: differences are exact in whole numbers. */
function lerpPixels(from: v128, to: v128, share: v128): v128 {
  const difference = f64x2.convert_low_i32x4_s(i32x4.sub(to, from));
  return f64x2.add(f64x2.convert_low_i32x4_s(from), f64x2.mul(difference, share));
}

/** Outside of the picture the colour `fill`, three bytes, else the value at (u, v). */
export function anyPixel(
  isBicubic: bool,
  source: usize,
  width: i32,
  height: i32,
  u: f64,
  v: f64,
  fill: i32,
  target: usize,
): void {
  if (u < 0 || u >= <f64>width || v < 0 || v >= <f64>height) {
    store<u16>(target, <u16>fill);
    store<u8>(target, <u8>(fill >> 16), 2);
  } else if (isBicubic) exactBicubic(source, width, height, u, v, target);
  else exactBilinear(source, width, height, u, v, target);
}
