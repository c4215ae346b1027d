import type { AffineMatrix } from '../augment/affine.js';
import type { RgbImage } from '../rgb-image.js';
import type { Simd } from './instance.js';

/** Pillow's bicubic affine transform in WebAssembly SIMD, bit for bit the one in TypeScript; undefined: the picture is too large for it. */
export function affineBicubic(
  simd: Simd,
  { width, height, data }: RgbImage,
  matrix: AffineMatrix,
  [red, green, blue]: readonly [number, number, number],
): RgbImage | undefined {
  const places = simd.layOut([data.length, data.length], 16);
  if (places === undefined) return undefined;
  const { bytes, addresses } = places;
  const [source, target] = addresses as [number, number];
  bytes.set(data, source);
  simd.functions.affineBicubic(source, width, height, ...matrix, red + green * 256 + blue * 65536, target);
  return { width, height, data: bytes.slice(target, target + data.length) };
}
