import type { RgbImage } from '../rgb-image.js';
import { affineBytes } from '../simd/affine.js';
import { simd } from '../simd/instance.js';

/** Output pixel centre (x, y) to input point (a x + b y + c, d x + e y + f): Pillow's order. */
export type AffineMatrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

export type AffineInterpolation = 'bilinear' | 'bicubic';

export interface AffineOptions {
  /** Colour of the points that lie outside the picture. */
  readonly fill: readonly [number, number, number];
  readonly interpolation: AffineInterpolation;
}

/**
 * Pillow's `Image.transform(size, AFFINE, matrix)`: no antialiasing, taps beyond the border clamped to it, values truncated. Its bicubic
 * kernel has a = -1, other than that of resizing. In double precision, operation by operation as Pillow (src/libImaging/Geometry.c).
 */
export function affine(
  image: RgbImage,
  matrix: AffineMatrix,
  { fill, interpolation }: AffineOptions,
): RgbImage {
  const { width, height } = image;
  const [a, b, c, d, e, f] = matrix;
  const module = simd();
  const fast = module && affineBytes(module, image, matrix, interpolation, fill);
  if (fast !== undefined) return { width, height, data: fast };
  const data = new Uint8Array(width * height * 3);
  const sample = interpolation === 'bicubic' ? bicubic : bilinear;
  let to = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++, to += 3) {
      const u = a * (x + 0.5) + b * (y + 0.5) + c;
      const v = d * (x + 0.5) + e * (y + 0.5) + f;
      if (u < 0 || u >= width || v < 0 || v >= height) data.set(fill, to);
      else sample(image, u - 0.5, v - 0.5, data, to);
    }
  return { width, height, data };
}

function bilinear(
  { width, height, data: source }: RgbImage,
  u: number,
  v: number,
  out: Uint8Array,
  to: number,
): void {
  const x = Math.floor(u);
  const y = Math.floor(v);
  const dx = u - x;
  const dy = v - y;
  const left = clamp(x, width) * 3;
  const right = clamp(x + 1, width) * 3;
  const top = clamp(y, height) * width * 3;
  const bottom = clamp(y + 1, height) * width * 3;
  for (let channel = 0; channel < 3; channel++) {
    const upper = lerp(source[top + left + channel]!, source[top + right + channel]!, dx);
    const lower = lerp(source[bottom + left + channel]!, source[bottom + right + channel]!, dx);
    out[to + channel] = clip(lerp(upper, lower, dy));
  }
}

function bicubic(
  { width, height, data: source }: RgbImage,
  u: number,
  v: number,
  out: Uint8Array,
  to: number,
): void {
  const x = Math.floor(u);
  const y = Math.floor(v);
  const dx = u - x;
  const dy = v - y;
  const x0 = clamp(x - 1, width) * 3;
  const x1 = clamp(x, width) * 3;
  const x2 = clamp(x + 1, width) * 3;
  const x3 = clamp(x + 2, width) * 3;
  const y0 = clamp(y - 1, height) * width * 3;
  const y1 = clamp(y, height) * width * 3;
  const y2 = clamp(y + 1, height) * width * 3;
  const y3 = clamp(y + 2, height) * width * 3;
  for (let channel = 0; channel < 3; channel++) {
    const row = (start: number): number =>
      cubic(source[start + x0]!, source[start + x1]!, source[start + x2]!, source[start + x3]!, dx);
    const value = cubic(row(y0 + channel), row(y1 + channel), row(y2 + channel), row(y3 + channel), dy);
    out[to + channel] = clip(value);
  }
}

/** Cubic convolution with a = -1 between `v1` and `v2`. */
function cubic(v0: number, v1: number, v2: number, v3: number, d: number): number {
  const p2 = -v0 + v2;
  const p3 = 2 * (v0 - v1) + v2 - v3;
  const p4 = -v0 + v1 - v2 + v3;
  return v1 + d * (p2 + d * (p3 + d * p4));
}

function lerp(from: number, to: number, share: number): number {
  return from + (to - from) * share;
}

function clamp(position: number, size: number): number {
  return position < 0 ? 0 : position < size ? position : size - 1;
}

function clip(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : value | 0;
}
