import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { affine, type AffineMatrix } from '../../../src/data/augment/affine.js';
import { histogram } from '../../../src/data/augment/histogram.js';
import { applyLookup } from '../../../src/data/augment/lookup.js';
import type { Interpolation } from '../../../src/data/filters.js';
import { RandomStream } from '../../../src/data/random.js';
import { resample } from '../../../src/data/resample.js';
import { simd, Simd } from '../../../src/data/simd/instance.js';
import { difference, noise } from '../helpers/images.js';

const FILTERS: Interpolation[] = ['box', 'bilinear', 'hamming', 'bicubic', 'lanczos'];
const draws = (index: number) => new RandomStream({ seed: 77, epoch: 0, index }, 'crop');

it('the module is what its source compiles to', async () => {
  const script = fileURLToPath(new URL('../../../scripts/build-simd.mjs', import.meta.url));
  await promisify(execFile)(process.execPath, [script, '--check']);
});

it('is used here: every machine with Node has WebAssembly SIMD', () => {
  expect(simd()).toBeInstanceOf(Simd);
});

describe('SIMD gives the bytes of TypeScript', () => {
  it.each(FILTERS)('resizing by %s: any size, part and window, both orders', (interpolation) => {
    for (let round = 0; round < 150; round++) {
      const stream = draws(round);
      const below = (n: number): number => Math.floor(stream.uniform() * n);
      const source = noise(1 + below(round % 10 === 0 ? 900 : 70), 1 + below(70), round + 1);
      const part = (width: number, height: number) => {
        const left = below(width);
        const top = below(height);
        return { left, top, width: 1 + below(width - left), height: 1 + below(height - top) };
      };
      const width = 1 + below(80);
      const height = 1 + below(80);
      const options = {
        width,
        height,
        interpolation,
        region: part(source.width, source.height),
        window: part(width, height),
        passOrder: round % 2 ? ('pillow-13' as const) : undefined,
      };
      const expected = resample(source, { ...options, simd: false });
      expect(difference(resample(source, options), expected), JSON.stringify(options)).toBeUndefined();
    }
  });

  it('extreme bytes, where sums leave 0 … 255', () => {
    const source = noise(61, 47);
    source.data.forEach((byte, i) => (source.data[i] = byte < 128 ? 0 : 255));
    for (const interpolation of ['bicubic', 'lanczos'] as const)
      for (const size of [13, 61, 150]) {
        const options = { width: size, height: size, interpolation };
        expect(
          difference(resample(source, options), resample(source, { ...options, simd: false })),
        ).toBeUndefined();
      }
  });

  it('affine transforms, inside, across the border and outside', () => {
    for (let round = 0; round < 200; round++) {
      const stream = draws(round);
      const between = (min: number, max: number): number => min + (max - min) * stream.uniform();
      const image = noise(1 + Math.floor(between(0, 50)), 1 + Math.floor(between(0, 50)), round + 1);
      const wild = round % 4 === 0 ? 3 : 0.5;
      const shift = between(-20, 20);
      const any = (): number => between(-wild, wild);
      // Shears, translations by any number and by a whole one, and all else.
      const matrices: AffineMatrix[] = [
        [1, any(), 0, 0, 1, 0],
        [1, 0, 0, any(), 1, 0],
        [1, 0, shift, 0, 1, 0],
        [1, 0, Math.round(shift), 0, 1, shift],
        [1 + any(), any(), shift, any(), 1 + any(), between(-20, 20)],
      ];
      const matrix = matrices[round % matrices.length]!;
      const options = { fill: [1, 2, 3], interpolation: 'bicubic' } as const;
      const expected = affine(image, matrix, { ...options, simd: false });
      expect(difference(affine(image, matrix, options), expected), matrix.join(' ')).toBeUndefined();
    }
  });

  it('tables and histograms, of an even and of an odd number of pixels', () => {
    for (const width of [7, 8]) {
      const image = noise(width, 9);
      const table = noise(16, 16).data;
      expect(difference(applyLookup(image, table), applyLookup(image, table, false))).toBeUndefined();
      const one = table.subarray(0, 256);
      expect(difference(applyLookup(image, one), applyLookup(image, one, false))).toBeUndefined();
      expect(histogram(image.data)).toEqual(histogram(image.data, false));
    }
  });

  it('of a picture that has no room in its memory', () => {
    const source = { width: 6000, height: 4000, data: new Uint8Array(6000 * 4000 * 3) };
    for (let i = 0; i < source.data.length; i++) source.data[i] = (i * i) >>> 7;
    const options = { width: 30, height: 20, interpolation: 'bilinear' as const };
    expect(
      difference(resample(source, options), resample(source, { ...options, simd: false })),
    ).toBeUndefined();
  });
});
