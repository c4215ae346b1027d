import type { RgbImage } from '../rgb-image.js';
import { simd } from '../simd/instance.js';

/** Left and right exchanged. */
export function mirrored({ width, height, data: source }: RgbImage): RgbImage {
  const module = simd();
  const fast = module?.compute(source.length, (target) =>
    module.functions.mirror(module.place(source), width, height, target),
  );
  if (fast !== undefined) return { width, height, data: fast };
  const data = new Uint8Array(source.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 3;
      const to = (y * width + width - 1 - x) * 3;
      data[to] = source[from]!;
      data[to + 1] = source[from + 1]!;
      data[to + 2] = source[from + 2]!;
    }
  return { width, height, data };
}

/** Top and bottom exchanged. */
export function upsideDown({ width, height, data: source }: RgbImage): RgbImage {
  const row = width * 3;
  const data = new Uint8Array(source.length);
  for (let y = 0; y < height; y++) data.set(source.subarray(y * row, (y + 1) * row), (height - 1 - y) * row);
  return { width, height, data };
}
