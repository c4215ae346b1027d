import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Interpolation } from '../../src/data/filters.js';
import { resample, type PassOrder } from '../../src/data/resample.js';
import { crop } from '../../src/data/rgb-image.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';
import { difference, FIXTURES, goldenImage, noise, readImage, readJson, sha256 } from './helpers/images.js';
import { WAYS } from './helpers/ways.js';

const FILTERS: Interpolation[] = ['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos'];

describe('resizing as Pillow does', () => {
  const { resize } = readJson<{ resize: Record<string, string> }>(join(FIXTURES, 'index.json'));

  it.each(Object.entries(resize))('%s', async (key, expected) => {
    const [, name, width, height, box] = /^(\w+) (\d+)x(\d+) (.*)$/.exec(key)!;
    const [left, top, right, bottom] = JSON.parse(box!) as [number, number, number, number];
    const region = { left, top, width: right - left, height: bottom - top };
    const source = await readImage(join(FIXTURES, 'source.png'));
    const size = { width: Number(width), height: Number(height) };
    const options = { ...size, interpolation: name as Interpolation, region };
    for (const [way, run] of WAYS)
      expect(sha256(run(() => resample(source, options)).data), way).toBe(expected);
  });

  it.each(FILTERS)(
    '%s: a window of the result is that part of the whole, in both orders of the passes',
    (interpolation) => {
      const source = noise(41, 67);
      const window = { left: 3, top: 5, width: 9, height: 11 };
      for (const passOrder of ['horizontal-first', 'pillow-13'] satisfies PassOrder[])
        for (const [width, height] of [
          [20, 22],
          [60, 16],
          [41, 30],
          [20, 67],
          [41, 67],
          [90, 90],
        ] as const) {
          const region = { left: 1, top: 2, width: 39, height: 60 };
          const options = { width, height, interpolation, passOrder, region };
          const whole = crop(resample(source, options), window);
          expect(
            difference(resample(source, { ...options, window }), whole),
            `${width}x${height}`,
          ).toBeUndefined();
        }
    },
  );

  it('reads nothing beyond its region', () => {
    const source = noise(40, 30);
    const region = { left: 7, top: 4, width: 21, height: 17 };
    for (const interpolation of FILTERS)
      for (const passOrder of ['horizontal-first', 'pillow-13'] satisfies PassOrder[]) {
        const options = { width: 15, height: 6, interpolation, passOrder };
        const cropped = resample(crop(source, region), options);
        expect(difference(resample(source, { ...options, region }), cropped), interpolation).toBeUndefined();
      }
  });

  it('keeps a uniform picture uniform', () => {
    const source = { width: 9, height: 7, data: new Uint8Array(9 * 7 * 3).fill(201) };
    for (const interpolation of FILTERS)
      expect(new Set(resample(source, { width: 23, height: 4, interpolation }).data)).toEqual(new Set([201]));
  });
});

describe.skipIf(!hasGolden)(`the reference resizes${hasGolden ? '' : ` (skipped: ${NO_GOLDEN})`}`, () => {
  const index = hasGolden
    ? readJson<{ resizes: Record<string, string> }>(join(GOLDEN, 'images/index.json'))
    : { resizes: {} };
  const sources = {
    source_64x48: 'images/resize/source_64x48.png',
    'cat_odd.jpg': 'images/decoded/cat_odd.jpg.png',
  };

  it.each(Object.entries(index.resizes))('%s', async (key, digest) => {
    const [, source, filter, width, height] = /^(.*)\.(\w+)\.(\d+)x(\d+)$/.exec(key)!;
    const image = await goldenImage(sources[source as keyof typeof sources]);
    const size = { width: Number(width), height: Number(height) };
    const options = { ...size, interpolation: filter as Interpolation };
    const isThere = readdirSync(join(GOLDEN, 'images/resize')).includes(`${key}.png`);
    const expected = isThere ? await goldenImage(`images/resize/${key}.png`) : undefined;
    for (const [way, run] of WAYS) {
      const found = run(() => resample(image, options));
      if (expected) expect(difference(found, expected), way).toBeUndefined();
      expect(sha256(found.data), way).toBe(digest);
    }
  });

  const later = hasGolden
    ? readJson<{ files: Record<string, { source: string; filter: Interpolation; vertical_first: boolean }> }>(
        join(GOLDEN, 'images/pillow13/index.json'),
      )
    : { files: {} };
  it.each(Object.entries(later.files))('Pillow 13: %s', async (name, entry) => {
    const image = await goldenImage(`images/${entry.source}`);
    const expected = await goldenImage(`images/pillow13/${name}`);
    const options = { width: expected.width, height: expected.height, interpolation: entry.filter };
    for (const [way, run] of WAYS) {
      const found = run(() => resample(image, { ...options, passOrder: 'pillow-13' }));
      expect(difference(found, expected), way).toBeUndefined();
    }
    const earlier = resample(image, options);
    expect(difference(earlier, expected) === undefined).toBe(!entry.vertical_first);
  });
});
