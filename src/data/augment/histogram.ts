import type { RgbImage } from '../rgb-image.js';
import { simd } from '../simd/instance.js';
import { applyLookup, lookupTable } from './lookup.js';

/** `ImageOps.autocontrast`: each channel is stretched from its darkest and brightest byte to 0 … 255. */
export function autoContrast(image: RgbImage): RgbImage {
  return perChannel(image, (counts) => {
    const darkest = counts.findIndex((count) => count > 0);
    const brightest = counts.findLastIndex((count) => count > 0);
    if (brightest <= darkest) return undefined;
    const scale = 255 / (brightest - darkest);
    const offset = -darkest * scale;
    return (byte) => byte * scale + offset;
  });
}

/** `ImageOps.equalize`: each channel's bytes are spread so that their histogram becomes as even as it can. */
export function equalize(image: RgbImage): RgbImage {
  return perChannel(image, (counts) => {
    const used = counts.filter((count) => count > 0);
    const pixels = image.width * image.height;
    const step = Math.floor((pixels - used[used.length - 1]!) / 255);
    if (used.length <= 1 || step === 0) return undefined;
    let before = Math.floor(step / 2);
    const values = Array.from(counts, (count) => {
      const value = Math.floor(before / step);
      before += count;
      return value;
    });
    return (byte) => values[byte]!;
  });
}

/** Maps each channel by a function made from the counts of its bytes; undefined: the channel stays as it is. */
function perChannel(
  image: RgbImage,
  mapping: (counts: Uint32Array) => ((byte: number) => number) | undefined,
): RgbImage {
  if (image.data.length === 0) return image;
  const counts = histogram(image.data);
  const table = new Uint8Array(768);
  for (let start = 0; start < 768; start += 256)
    table.set(lookupTable(mapping(counts.subarray(start, start + 256)) ?? ((byte) => byte)), start);
  return applyLookup(image, table);
}

/** How often each byte comes in each channel: `[3, 256]`. */
export function histogram(data: Uint8Array): Uint32Array {
  const module = simd();
  const fast = module?.compute(3072, (target) => {
    module.bytes.fill(0, target, target + 3072);
    module.functions.histogram(module.place(data), data.length, target);
  });
  if (fast !== undefined) return new Uint32Array(fast.buffer, fast.byteOffset, 768);
  const counts = new Uint32Array(768);
  for (let i = 0; i < data.length; i += 3) {
    counts[data[i]!]!++;
    counts[256 + data[i + 1]!]!++;
    counts[512 + data[i + 2]!]!++;
  }
  return counts;
}
