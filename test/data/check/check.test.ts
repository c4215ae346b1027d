import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { checkDataset } from '../../../src/data/check/check.js';
import { contactSheet } from '../../../src/data/check/contact-sheet.js';
import { decodeImage } from '../../../src/data/decode.js';
import { evalTransform, trainTransform } from '../../../src/data/index.js';
import { crop } from '../../../src/data/rgb-image.js';
import { difference } from '../helpers/images.js';
import { memoryDataset, noiseJpeg } from '../helpers/synthetic-dataset.js';

describe('checking a data set', () => {
  it('counts, measures, and finds what is broken, missing or there twice', async () => {
    const small = await noiseJpeg(20, 30, 1);
    const large = await noiseJpeg(60, 40, 2);
    // The pixels of another file, in other bytes.
    const png = await sharp(large).png().toBuffer();
    const files = [
      small,
      large,
      Buffer.alloc(0),
      png,
      small,
      large.subarray(0, large.length / 2),
      await noiseJpeg(50, 50, 3),
    ];
    const data = {
      ...memoryDataset(files),
      numClasses: 3,
      label: (i: number) => (i < 5 ? 0 : 2),
      classes: ['a', 'b', 'c'],
    };
    let done = 0;
    const report = await checkDataset(data, { onProgress: (samples) => (done = samples) });
    expect(done).toBe(7);
    expect(report).toMatchObject({
      source: 'memory',
      samples: 7,
      formats: { jpg: 4, png: 1 },
      width: { min: 20, median: 50, max: 60 },
      height: { min: 30, median: 40, max: 50 },
      classSizes: { min: 0, median: 2, max: 5 },
      smallestClass: { class: 'b', images: 0 },
      largestClass: { class: 'a', images: 5 },
      emptyClasses: ['b'],
      contradictions: 0,
    });
    expect(report.bytes!.min).toBe(Math.min(small.length, large.length, png.length, files[6]!.length));
    expect(report.broken.map(({ name }) => name)).toEqual(['memory/2.jpg', 'memory/5.jpg']);
    expect(report.broken[0]!.reason).toMatch(/is empty \(0 bytes\)/);
    expect(report.duplicates).toEqual([
      { names: ['memory/0.jpg', 'memory/4.jpg'], labels: [0, 0], sameBytes: true },
      { names: ['memory/1.jpg', 'memory/3.jpg'], labels: [0, 0], sameBytes: false },
    ]);
  });

  it('tells the same image under different labels', async () => {
    const report = await checkDataset(memoryDataset([await noiseJpeg(20, 20, 1)], 3));
    expect(report.contradictions).toBe(1);
    expect(report.duplicates).toHaveLength(1);
    expect(report.broken).toEqual([]);
  });

  it('takes the same bytes in another shape for another image', async () => {
    const pixels = (i: number) =>
      Promise.resolve({ width: [2, 4, 2][i]!, height: [4, 2, 4][i]!, data: new Uint8Array(24) });
    const report = await checkDataset({ ...memoryDataset([], 3), pixels });
    expect(report.duplicates.map(({ names }) => names)).toEqual([['memory/0.jpg', 'memory/2.jpg']]);
    expect(report.formats).toEqual({ pixels: 3 });
  });

  it('has a report where nothing can be read', async () => {
    const report = await checkDataset(memoryDataset([Buffer.from('no image')], 4));
    expect(report.broken).toHaveLength(4);
    expect(report.bytes).toBeUndefined();
  });
});

describe('a contact sheet', () => {
  const config = {
    inputSize: [3, 48, 48],
    cropPct: 1,
    cropMode: 'center',
    interpolation: 'bicubic',
    mean: [0.5, 0.4, 0.3],
    std: [0.2, 0.3, 0.4],
  } as const;

  it('shows the pixels of the transforms, in their places, with text of any kind underneath', async () => {
    const data = {
      ...memoryDataset([await noiseJpeg(70, 60, 1), await noiseJpeg(50, 90, 2)]),
      name: () => '<&>"\u0001 ü.jpg',
    };
    const plain = evalTransform(config);
    const augmented = trainTransform({ ...config, aa: 'rand-m9-mstd0.5-inc1' });
    const at = { seed: 5, epoch: 2 };
    const png = await contactSheet(data, {
      ...at,
      indices: [1, 0],
      views: 2,
      plain,
      augmented,
      normalisation: config,
    });
    const sheet = await decodeImage(png, 'sheet.png');
    expect([sheet.width, sheet.height]).toEqual([4 + 3 * 52, 4 + 2 * 70]);
    for (const [row, index] of [1, 0].entries()) {
      const image = await decodeImage(await data.read(index), 'picture');
      const expected = [
        plain.pixels(image, { ...at, index }),
        augmented.pixels(image, { ...at, index, view: 0 }),
        augmented.pixels(image, { ...at, index, view: 1 }),
      ];
      expected.forEach((pixels, column) => {
        const tile = crop(sheet, { left: 4 + column * 52, top: 4 + row * 70, width: 48, height: 48 });
        expect(difference(tile, pixels), `row ${row}, column ${column}`).toBeUndefined();
      });
    }
  });
});
