// Pillow's affine transforms of a picture to its own size (../../augment/affine.ts).
import { shiftColumns, shiftRows } from './affine-shift';
import { transform } from './affine-transform';

/**
 * Bicubic; `fill` has the three bytes of the colour outside. Inside the picture each value is computed in fixed point or float32 first, and in double
 * precision only where that leaves a doubt about the byte.
 */
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
  if (a == 1 && d == 0 && e == 1 && f == 0) shiftRows(source, width, height, b, c, fill, target);
  else if (a == 1 && b == 0 && c == 0 && e == 1) shiftColumns(source, width, height, d, f, fill, target);
  else transform(true, source, width, height, f64x2(a, d), f64x2(b, e), f64x2(c, f), fill, target);
}

/** Bilinear, in the same way. */
export function affineBilinear(
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
  transform(false, source, width, height, f64x2(a, d), f64x2(b, e), f64x2(c, f), fill, target);
}
