// Affine transforms of a picture to its own size.
import { anyPixel } from './affine-exact';
import {
  clipped,
  firstPair,
  LOWER_BITS,
  secondPair,
  spread0,
  spread1,
  spread2,
  spread3,
  weighted,
} from './lanes';

/**
 * How near to a whole number a value in float32 is not to be trusted: more than twice its largest error. Bicubic, the sizes of an axis' weights add up to 1.5
 * at most, their slopes to 3. So the error is at most the sum of: 4 weights in fixed point, each off by 2^-23 for rounding and 2.2e-7 as it was computed, by
 * 255 by 1.5; 4 in float32, off by 2.2e-7, by 255 by 1.5; 574 (255 by 1.5 by 1.5) by 4 roundings of 2^-24; and 2 fractions, each rounded by 2^-25, by a slope
 * of 1,150: 0.0011 together. Bilinear ones are nearer.
 */
const DOUBT: f32 = 0.0025;

/** Vectors of two have the horizontal coordinate and the vertical one: `ad` by that of an output's centre, plus `be` by the other, plus `cf`. */
export function transform(
  isBicubic: bool,
  source: usize,
  width: i32,
  height: i32,
  ad: v128,
  be: v128,
  cf: v128,
  fill: i32,
  target: usize,
): void {
  const stride = width * 3;
  const half = f64x2.splat(0.5);
  const one = f64x2.splat(1);
  const inner = f64x2(<f64>(width - 2), <f64>(height - 2));
  for (let y = 0; y < height; y++) {
    const ofRow = f64x2.mul(be, f64x2.splat(<f64>y + 0.5));
    for (let x = 0; x < width; x++, target += 3) {
      const at = f64x2.add(f64x2.add(f64x2.mul(ad, f64x2.splat(<f64>x + 0.5)), ofRow), cf);
      const shifted = f64x2.sub(at, half);
      const whole = f64x2.floor(shifted);
      // Whether all of 4 by 4 pixels lie in the picture.
      if (i64x2.bitmask(v128.and(f64x2.ge(whole, one), f64x2.lt(whole, inner))) == 3) {
        // 2^52 and a whole number: the number stands in the lowest bits.
        const corner = f64x2.add(whole, f64x2.splat(4503599627370496));
        const from =
          source + (i32x4.extract_lane(corner, 2) - 1) * stride + (i32x4.extract_lane(corner, 0) - 1) * 3;
        const rest = f32x4.demote_f64x2_zero(f64x2.sub(shifted, whole));
        const value = isBicubic
          ? bicubic(from, stride, spread0(rest), spread1(rest))
          : bilinear(from, stride, spread0(rest), spread1(rest));
        const distance = f32x4.abs(f32x4.sub(value, f32x4.nearest(value)));
        if (!(i32x4.bitmask(f32x4.lt(distance, f32x4.splat(DOUBT))) & 7)) {
          const bytes = i8x16.swizzle(
            clipped(value),
            i8x16(0, 4, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1),
          );
          // The fourth byte is written over by the next pixel.
          v128.store_lane<u32>(target, bytes, 0);
          continue;
        }
        if (isFlat(from, stride)) {
          store<u16>(target, load<u16>(from));
          store<u8>(target, load<u8>(from, 2), 2);
          continue;
        }
      }
      const u = f64x2.extract_lane(at, 0);
      const v = f64x2.extract_lane(at, 1);
      anyPixel(isBicubic, source, width, height, u, v, fill, target);
    }
  }
}

/** Between the inner ones of the 4 by 4 pixels from `from` on, at the fractions dx and dy. */
function bicubic(from: usize, stride: i32, dx: v128, dy: v128): v128 {
  // The four weights of cubic convolution with a = -1 are polynomials: these are the coefficients of the fraction to the powers of 0 to 3.
  const cubic0 = f32x4(0, 1, 0, 0);
  const cubic1 = f32x4(-1, 0, 1, 0);
  const cubic2 = f32x4(2, -2, 1, -1);
  const cubic3 = f32x4(-1, 1, -1, 1);
  let wx = f32x4.add(cubic2, f32x4.mul(dx, cubic3));
  let wy = f32x4.add(cubic2, f32x4.mul(dy, cubic3));
  wx = f32x4.add(cubic1, f32x4.mul(dx, wx));
  wy = f32x4.add(cubic1, f32x4.mul(dy, wy));
  wx = f32x4.add(cubic0, f32x4.mul(dx, wx));
  wy = f32x4.add(cubic0, f32x4.mul(dy, wy));
  // Those of a row in fixed point. 1.5 * 2^23 and a number below 2^22: the sum is rounded to a whole one, which stands in its lowest bits.
  const rounder = f32x4.splat(12582912);
  const fixed = i32x4.sub(f32x4.add(f32x4.mul(wx, f32x4.splat(4194304)), rounder), rounder);
  const lower = v128.and(fixed, i32x4.splat(0x7fff));
  const halves = i16x8.narrow_i32x4_s(lower, i32x4.shr_s(fixed, LOWER_BITS));
  const l01 = spread0(halves);
  const l23 = spread1(halves);
  const u01 = spread2(halves);
  const u23 = spread3(halves);
  const row0 = v128.load(from);
  const row1 = v128.load(from + stride);
  const row2 = v128.load(from + 2 * stride);
  const row3 = v128.load(from + 3 * stride);
  const sum0 = weighted(firstPair(row0), secondPair(row0), l01, l23, u01, u23);
  const sum1 = weighted(firstPair(row1), secondPair(row1), l01, l23, u01, u23);
  const sum2 = weighted(firstPair(row2), secondPair(row2), l01, l23, u01, u23);
  const sum3 = weighted(firstPair(row3), secondPair(row3), l01, l23, u01, u23);
  const scaled = f32x4.add(
    f32x4.add(
      f32x4.mul(f32x4.convert_i32x4_s(sum0), spread0(wy)),
      f32x4.mul(f32x4.convert_i32x4_s(sum1), spread1(wy)),
    ),
    f32x4.add(
      f32x4.mul(f32x4.convert_i32x4_s(sum2), spread2(wy)),
      f32x4.mul(f32x4.convert_i32x4_s(sum3), spread3(wy)),
    ),
  );
  return f32x4.mul(scaled, f32x4.splat(<f32>(1.0 / 4194304.0)));
}

/** The same, bilinear between the inner four. */
function bilinear(from: usize, stride: i32, dx: v128, dy: v128): v128 {
  const top = v128.load(from + stride);
  const bottom = v128.load(from + 2 * stride);
  const upper = lerp(pixel1(top), pixel2(top), dx);
  const lower = lerp(pixel1(bottom), pixel2(bottom), dx);
  return lerp(upper, lower, dy);
}

function lerp(from: v128, to: v128, share: v128): v128 {
  return f32x4.add(from, f32x4.mul(f32x4.sub(to, from), share));
}

/** Pixel 1 of a row of four, in floats; and pixel 2. */
function pixel1(pixels: v128): v128 {
  return f32x4.convert_i32x4_s(
    i8x16.swizzle(pixels, i8x16(3, -1, -1, -1, 4, -1, -1, -1, 5, -1, -1, -1, -1, -1, -1, -1)),
  );
}
function pixel2(pixels: v128): v128 {
  return f32x4.convert_i32x4_s(
    i8x16.swizzle(pixels, i8x16(6, -1, -1, -1, 7, -1, -1, -1, 8, -1, -1, -1, -1, -1, -1, -1)),
  );
}

/** Whether all of 4 by 4 pixels are the same: then so is every value between them. */
function isFlat(from: usize, stride: i32): bool {
  const row0 = v128.load(from);
  const even = i8x16.swizzle(row0, i8x16(0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, -1, -1, -1, -1));
  const different = v128.or(
    v128.or(v128.xor(row0, even), v128.xor(v128.load(from + stride), even)),
    v128.or(v128.xor(v128.load(from + 2 * stride), even), v128.xor(v128.load(from + 3 * stride), even)),
  );
  return !v128.any_true(
    i8x16.swizzle(different, i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -1, -1, -1, -1)),
  );
}
