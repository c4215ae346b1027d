import type { RgbImage } from '../rgb-image.js';
import { simd } from '../simd/instance.js';
import { applyLookup, lookupTable } from './lookup.js';

/*
 * Pillow's ImageEnhance: `low + factor * (image - low)` in float32, clipped and truncated, where `low` is the picture without the
 * property in question. A factor of 1 gives the picture itself, 0 gives `low`. torchvision's adjust_brightness, adjust_contrast and
 * adjust_saturation are these as well.
 */

/** `ImageEnhance.Brightness`: against black. */
export function brightness(image: RgbImage, factor: number): RgbImage {
  const blend = blender(factor);
  return applyLookup(
    image,
    lookupTable((byte) => blend(0, byte)),
  );
}

/** `ImageEnhance.Contrast`: against the mean luma, rounded. */
export function contrast(image: RgbImage, factor: number): RgbImage {
  const { data } = image;
  const mean = Math.trunc(lumaSum(data) / (data.length / 3) + 0.5);
  const blend = blender(factor);
  return applyLookup(
    image,
    lookupTable((byte) => blend(mean, byte)),
  );
}

/** `ImageEnhance.Color`, torchvision's saturation: against the gray picture. */
export function color({ width, height, data: source }: RgbImage, factor: number): RgbImage {
  const module = simd();
  const fast = module?.compute(source.length, (target) =>
    module.functions.saturate(module.place(source), source.length, factor, target),
  );
  if (fast !== undefined) return { width, height, data: fast };
  const data = new Uint8Array(source.length);
  const blend = blender(factor);
  for (let i = 0; i < source.length; i += 3) {
    const gray = luma(source, i);
    data[i] = blend(gray, source[i]!);
    data[i + 1] = blend(gray, source[i + 1]!);
    data[i + 2] = blend(gray, source[i + 2]!);
  }
  return { width, height, data };
}

/** `ImageEnhance.Sharpness`: against Pillow's `SMOOTH` filter. */
export function sharpness(image: RgbImage, factor: number): RgbImage {
  const { width, height, data: source } = image;
  const module = simd();
  const fast = module?.compute(source.length, (target) =>
    module.functions.sharpen(module.place(source), width, height, factor, target),
  );
  if (fast !== undefined) return { width, height, data: fast };
  const data = new Uint8Array(source);
  const blend = blender(factor);
  const row = width * 3;
  // The outermost pixels are not filtered: low is the picture itself there, whatever the factor.
  for (let y = 1; y < height - 1; y++)
    for (let i = y * row + 3; i < (y + 1) * row - 3; i++) {
      // 1 1 1 / 1 5 1 / 1 1 1 over 13, rounded; 13 is odd, so that no value lies midway.
      const sum =
        source[i - row - 3]! +
        source[i - row]! +
        source[i - row + 3]! +
        source[i - 3]! +
        5 * source[i]! +
        source[i + 3]! +
        source[i + row - 3]! +
        source[i + row]! +
        source[i + row + 3]!;
      data[i] = blend(((2 * sum + 13) / 26) | 0, source[i]!);
    }
  return { width, height, data };
}

/** torchvision's `Grayscale(3)`: the luma in every channel. */
export function grayscale(image: RgbImage): RgbImage {
  return color(image, 0);
}

function lumaSum(data: Uint8Array): number {
  const module = simd();
  let sum = 0;
  const fast = module?.compute(0, () => {
    sum = module.functions.lumaSum(module.place(data), data.length);
  });
  if (fast === undefined) for (let i = 0; i < data.length; i += 3) sum += luma(data, i);
  return sum;
}

/** Pillow's RGB to L, 16-bit fixed point of ITU-R 601. */
function luma(data: Uint8Array, i: number): number {
  return (data[i]! * 19595 + data[i + 1]! * 38470 + data[i + 2]! * 7471 + 0x8000) >> 16;
}

/** Pillow's `Image.blend` of two bytes. */
function blender(factor: number): (low: number, byte: number) => number {
  // The product for each difference -255 … 255: rounded to float32 before the sum is.
  const products = Float32Array.from({ length: 511 }, (_, i) => Math.fround(factor) * (i - 255));
  return (low, byte) => {
    const value = Math.fround(low + products[byte - low + 255]!);
    return value <= 0 ? 0 : value >= 255 ? 255 : value | 0;
  };
}
