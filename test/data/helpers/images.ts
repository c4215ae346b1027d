import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeImage } from '../../../src/data/decode.js';
import type { RgbImage } from '../../../src/data/rgb-image.js';
import { GOLDEN } from '../../helpers/golden.js';

export const FIXTURES = fileURLToPath(new URL('../../fixtures/images/', import.meta.url));

export const sha256 = (bytes: ArrayBufferView): string =>
  createHash('sha256')
    .update(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    .digest('hex');

export const readJson = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;

/** The pixels of a lossless file. */
export const readImage = (file: string): Promise<RgbImage> => decodeImage(readFileSync(file), file);

export const goldenImage = (file: string): Promise<RgbImage> => readImage(join(GOLDEN, file));

/** How two pictures differ, in words; undefined when they don't. A picture of 150,528 bytes makes no readable assertion of its own. */
export function difference(found: RgbImage, expected: RgbImage): string | undefined {
  if (found.width !== expected.width || found.height !== expected.height)
    return `${found.width}x${found.height} instead of ${expected.width}x${expected.height}`;
  let count = 0;
  let worst = 0;
  expected.data.forEach((byte, i) => {
    const off = Math.abs(byte - found.data[i]!);
    if (off > 0) count++;
    worst = Math.max(worst, off);
  });
  return count === 0 ? undefined : `${count} of ${expected.data.length} bytes differ, by up to ${worst}`;
}

/** A picture of noise, the same every time. */
export function noise(width: number, height: number, seed = 1): RgbImage {
  let state = seed;
  const data = Uint8Array.from({ length: width * height * 3 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state >>> 24;
  });
  return { width, height, data };
}
