import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { affine, type AffineMatrix } from '../../../src/data/augment/affine.js';
import { gaussianBlur } from '../../../src/data/augment/blur.js';
import { brightness, color, contrast, grayscale, sharpness } from '../../../src/data/augment/enhance.js';
import { mirrored } from '../../../src/data/augment/flip.js';
import { histogram } from '../../../src/data/augment/histogram.js';
import { applyLookup } from '../../../src/data/augment/lookup.js';
import type { Interpolation } from '../../../src/data/filters.js';
import { RandomStream } from '../../../src/data/random.js';
import { resample } from '../../../src/data/resample.js';
import type { RgbImage } from '../../../src/data/rgb-image.js';
import { inOneScope, simd, Simd, withoutSimd } from '../../../src/data/simd/instance.js';
import { trainTransform } from '../../../src/data/transform-train.js';
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

/** The same picture as operations give it inside of a scope, and as TypeScript gives it; undefined: no difference. */
function compare(operation: () => RgbImage): string | undefined {
  const expected = withoutSimd(operation);
  return difference(operation(), expected) ?? inOneScope(() => difference(operation(), expected));
}

/** Pictures with blocks of one colour, in which values fall on whole numbers. */
function blocks(width: number, height: number, seed: number): RgbImage {
  const { data } = noise(width, height, seed);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++) {
        const corner = ((y - (y % 9)) * width + x - (x % 11)) * 3 + c;
        if ((x + y) % 40 < 30) data[(y * width + x) * 3 + c] = data[corner]!;
      }
  return { width, height, data };
}

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
      expect(
        compare(() => resample(source, options)),
        JSON.stringify(options),
      ).toBeUndefined();
    }
  });

  it('extreme bytes, where sums leave 0 … 255', () => {
    const source = noise(61, 47);
    source.data.forEach((byte, i) => (source.data[i] = byte < 128 ? 0 : 255));
    for (const interpolation of ['bicubic', 'lanczos'] as const)
      for (const size of [13, 61, 150]) {
        expect(compare(() => resample(source, { width: size, height: size, interpolation }))).toBeUndefined();
      }
  });

  it.each(['bicubic', 'bilinear'] as const)(
    '%s affine transforms, inside, across the border and outside',
    (interpolation) => {
      for (let round = 0; round < 400; round++) {
        const stream = draws(round);
        const between = (min: number, max: number): number => min + (max - min) * stream.uniform();
        const make = round % 3 === 0 ? blocks : noise;
        const image = make(1 + Math.floor(between(0, 90)), 1 + Math.floor(between(0, 90)), round + 1);
        if (round % 5 === 0) image.data.forEach((byte, i) => (image.data[i] = byte < 128 ? 0 : 255));
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
          [1, 0, Math.round(shift) / 2, 0, 1, Math.round(shift) / 4],
          // So near to whole shifts that adding them to a coordinate rounds to one.
          [1, 0, Math.round(shift) - 1e-15, 0, 1, 0],
          [1, 0, 0, 0, 1, Math.round(shift) - 1e-15],
        ];
        const matrix = matrices[round % matrices.length]!;
        expect(
          compare(() => affine(image, matrix, { fill: [1, 2, 3], interpolation })),
          matrix.join(' '),
        ).toBeUndefined();
      }
    },
  );

  it.each<[string, (image: RgbImage, strength: number) => RgbImage]>([
    ['brightness', brightness],
    ['contrast', contrast],
    ['color', color],
    ['sharpness', sharpness],
    ['grayscale', grayscale],
    ['mirrored', mirrored],
    ['gaussianBlur', (image, strength) => gaussianBlur(image, Math.abs(strength) * 3)],
  ])('%s, of any size and strength', (_, operation) => {
    for (let round = 0; round < 150; round++) {
      const stream = draws(round);
      const size = (): number => 1 + Math.floor(stream.uniform() * (round % 10 === 0 ? 200 : 30));
      const image = (round % 2 ? noise : blocks)(size(), size(), round + 1);
      if (round % 3 === 0) image.data.forEach((byte, i) => (image.data[i] = byte < 128 ? 0 : 255));
      const before = new Uint8Array(image.data);
      const strength = [0, 0.1, 1, 1.9, -0.5, 3][round] ?? stream.uniform() * 2.2;
      expect(
        compare(() => operation(image, strength)),
        `${image.width}x${image.height} ${strength}`,
      ).toBeUndefined();
      expect(image.data).toEqual(before);
    }
  });

  it('tables and histograms, of an even and of an odd number of pixels', () => {
    for (const width of [7, 8]) {
      const image = noise(width, 9);
      const table = noise(16, 16).data;
      expect(compare(() => applyLookup(image, table))).toBeUndefined();
      const one = table.subarray(0, 256);
      expect(compare(() => applyLookup(image, one))).toBeUndefined();
      expect(histogram(image.data)).toEqual(withoutSimd(() => histogram(image.data)));
    }
  });

  it('normal numbers, however many at a time', () => {
    const run = (): Float32Array => {
      const stream = new RandomStream({ seed: 2 ** 40 + 5, epoch: 3, index: 9 }, 'erasing');
      const out = new Float32Array(60_000);
      let at = 0;
      for (const count of [0, 1, 2, 3, 4, 5, 8, 9, 31, 64, 101, 3000, 50_001]) {
        stream.normals(out, at, count);
        at += count;
        out[at++] = stream.uniform();
      }
      return out;
    };
    expect(run()).toEqual(withoutSimd(run));
  });

  it('the whole training transform', () => {
    const transform = trainTransform({
      inputSize: [3, 96, 80],
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
      interpolation: 'bicubic',
      trainInterpolation: 'random',
      aa: 'rand-m9-n4-mstd0.5-inc1',
      vflip: 0.3,
      reprob: 0.5,
    });
    const values = (index: number): Float32Array => {
      const out = new Float32Array(96 * 80 * 3);
      transform.write(blocks(150 + index, 130, index), { seed: 1, epoch: 2, index }, out, 0);
      return out;
    };
    for (let index = 0; index < 120; index++) {
      const expected = withoutSimd(() => values(index));
      expect(
        values(index).every((value, i) => Object.is(value, expected[i])),
        `sample ${index}`,
      ).toBe(true);
    }
  });

  it('of a picture that has no room in its memory', () => {
    const source = { width: 6000, height: 4000, data: new Uint8Array(6000 * 4000 * 3) };
    for (let i = 0; i < source.data.length; i++) source.data[i] = (i * i) >>> 7;
    expect(
      compare(() => resample(source, { width: 30, height: 20, interpolation: 'bilinear' })),
    ).toBeUndefined();
    expect(compare(() => mirrored(source))).toBeUndefined();
  });
});

describe('the memory of the module', () => {
  it('holds pictures of a scope only: what leaves an operation outside of one is a copy', () => {
    const module = simd()!;
    const first = mirrored(noise(8, 8, 1));
    const kept = new Uint8Array(first.data);
    mirrored(noise(8, 8, 2));
    expect(module.holds(first.data)).toBe(false);
    expect(first.data).toEqual(kept);
    inOneScope(() => {
      const inside = mirrored(noise(8, 8, 1));
      mirrored(noise(8, 8, 2));
      expect(module.holds(inside.data)).toBe(true);
      expect(inside.data).toEqual(kept);
    });
  });

  it('is free again after a scope, also one that fails', () => {
    const fill = (): void =>
      inOneScope(() => {
        const image = noise(1000, 1000);
        for (let i = 0; i < 15; i++) mirrored(image);
        throw new Error('on purpose');
      });
    for (let i = 0; i < 10; i++) expect(fill).toThrow('on purpose');
    inOneScope(() => expect(simd()!.holds(mirrored(noise(1000, 1000)).data)).toBe(true));
  });
});
