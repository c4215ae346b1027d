import type { AffineInterpolation, AffineMatrix } from '../augment/affine.js';
import type { RgbImage } from '../rgb-image.js';
import type { Simd } from './instance.js';

/** Pillow's affine transforms in WebAssembly SIMD, bit for bit those in TypeScript; undefined: the picture is too large for it. */
export function affineBytes(
  module: Simd,
  { width, height, data }: RgbImage,
  matrix: AffineMatrix,
  interpolation: AffineInterpolation,
  [red, green, blue]: readonly [number, number, number],
): Uint8Array | undefined {
  const { affineBicubic, affineBilinear } = module.functions;
  const transform = interpolation === 'bicubic' ? affineBicubic : affineBilinear;
  const fill = red + green * 256 + blue * 65536;
  return module.compute(data.length, (target) =>
    transform(module.place(data), width, height, ...matrix, fill, target),
  );
}
