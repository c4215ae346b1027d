import type { RgbImage } from '../rgb-image.js';
import { affine, type AffineMatrix, type AffineOptions } from './affine.js';

/** Pillow's `Image.rotate`: counter-clockwise about the centre, the size stays. */
export function rotate(image: RgbImage, degrees: number, options: AffineOptions): RgbImage {
  const angle = pythonModulo(degrees, 360);
  if (angle === 0) return image;
  return affine(image, rotation(image.width, image.height, angle), options);
}

/** timm's `shear_x`: each row is shifted by `factor` times its distance from the top. */
export function shearX(image: RgbImage, factor: number, options: AffineOptions): RgbImage {
  return affine(image, [1, factor, 0, 0, 1, 0], options);
}

export function shearY(image: RgbImage, factor: number, options: AffineOptions): RgbImage {
  return affine(image, [1, 0, 0, factor, 1, 0], options);
}

/** Shifts by `pixels`, which need not be a whole number: positive to the left. */
export function translateX(image: RgbImage, pixels: number, options: AffineOptions): RgbImage {
  return affine(image, [1, 0, pixels, 0, 1, 0], options);
}

/** Positive: upwards. */
export function translateY(image: RgbImage, pixels: number, options: AffineOptions): RgbImage {
  return affine(image, [1, 0, 0, 0, 1, pixels], options);
}

/** The matrix that Pillow makes: sine and cosine rounded to 15 digits. */
function rotation(width: number, height: number, degrees: number): AffineMatrix {
  const angle = -(degrees * (Math.PI / 180));
  const cos = round15(Math.cos(angle));
  const sin = round15(Math.sin(angle));
  const x = width / 2;
  const y = height / 2;
  return [cos, sin, cos * -x + sin * -y + x, -sin, cos, -sin * -x + cos * -y + y];
}

/** Python's `round(x, 15)`. */
function round15(x: number): number {
  return Number(x.toFixed(15));
}

/** Python's `%`: the sign of the divisor. */
function pythonModulo(x: number, divisor: number): number {
  const rest = x % divisor;
  return rest < 0 ? rest + divisor : rest;
}
