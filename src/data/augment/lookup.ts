import type { RgbImage } from '../rgb-image.js';
import { simd } from '../simd/instance.js';

/** Every byte replaced by what the table says: one table for all channels, or `[3, 256]` of one for each. */
export function applyLookup({ width, height, data: source }: RgbImage, table: Uint8Array): RgbImage {
  const tables = table.length === 768 ? table : Uint8Array.of(...table, ...table, ...table);
  const module = simd();
  const fast = module?.compute(source.length, (target) =>
    module.functions.lookup(module.place(source), source.length, module.place(tables), target),
  );
  if (fast !== undefined) return { width, height, data: fast };
  const data = new Uint8Array(source.length);
  for (let i = 0; i < source.length; i += 3) {
    data[i] = tables[source[i]!]!;
    data[i + 1] = tables[256 + source[i + 1]!]!;
    data[i + 2] = tables[512 + source[i + 2]!]!;
  }
  return { width, height, data };
}

/** A table for {@link applyLookup}. Values are truncated and clipped to a byte, as Pillow's `point` does. */
export function lookupTable(value: (byte: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => Math.min(Math.max(Math.trunc(value(byte)), 0), 255));
}

/** `ImageOps.invert`. */
export function invert(image: RgbImage): RgbImage {
  return applyLookup(
    image,
    lookupTable((byte) => 255 - byte),
  );
}

/** `ImageOps.solarize`: bytes from `threshold` on are inverted. */
export function solarize(image: RgbImage, threshold: number): RgbImage {
  return applyLookup(
    image,
    lookupTable((byte) => (byte < threshold ? byte : 255 - byte)),
  );
}

/** timm's `solarize_add`: bytes below 128 get `amount` more, up to 255. */
export function solarizeAdd(image: RgbImage, amount: number): RgbImage {
  return applyLookup(
    image,
    lookupTable((byte) => (byte < 128 ? byte + amount : byte)),
  );
}

/**
 * `ImageOps.posterize`: keeps the `bits` highest bits. With 8 the picture stays as it is (timm's rule); with 0 it is black, as Pillow
 * up to 12 gives it (Pillow 13 refuses it).
 */
export function posterize(image: RgbImage, bits: number): RgbImage {
  if (bits >= 8) return image;
  const mask = 0xff & ~(2 ** (8 - bits) - 1);
  return applyLookup(
    image,
    lookupTable((byte) => byte & mask),
  );
}
