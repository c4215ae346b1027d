import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../../src/data/random.js';
import { resample } from '../../src/data/resample.js';
import { crop } from '../../src/data/rgb-image.js';
import { evalTransform } from '../../src/data/transform-eval.js';
import { mirrored } from '../../src/data/augment/flip.js';
import { resizedCropBox } from '../../src/data/augment/resized-crop.js';
import { trainTransform, type TrainConfig } from '../../src/data/transform-train.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';
import { difference, goldenImage, noise, readJson } from './helpers/images.js';

const SCALE = [0.08, 1] as const;
const RATIO = [3 / 4, 4 / 3] as const;

function config(size: number, more: Partial<TrainConfig> = {}): TrainConfig {
  return {
    inputSize: [3, size, size],
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    interpolation: 'bicubic',
    ...more,
  };
}

const at = (index: number, epoch = 0, seed = 0) => ({ seed, epoch, index });

describe('training crops', () => {
  it('are the drawn box, resized', () => {
    const image = noise(90, 70);
    for (let index = 0; index < 10; index++) {
      const draws = new RandomStream(at(index), 'crop');
      const region = resizedCropBox(90, 70, SCALE, RATIO, () => draws.uniform());
      const expected = resample(image, { width: 48, height: 48, interpolation: 'bicubic', region });
      const found = trainTransform(config(48, { hflip: 0 })).pixels(image, at(index));
      expect(difference(found, expected)).toBeUndefined();
    }
  });

  it('keep to the scale and ratio asked for', () => {
    for (let index = 0; index < 500; index++) {
      const draws = new RandomStream(at(index), 'crop');
      const { width, height, left, top } = resizedCropBox(400, 300, [0.5, 0.6], [1, 1.2], () =>
        draws.uniform(),
      );
      expect((width * height) / 120_000).toBeGreaterThan(0.49);
      expect((width * height) / 120_000).toBeLessThan(0.61);
      expect(width / height).toBeGreaterThan(0.99);
      expect(width / height).toBeLessThan(1.21);
      expect(Math.min(left, top, 400 - left - width, 300 - top - height)).toBeGreaterThanOrEqual(0);
    }
  });

  it('are never empty, however small the picture', () => {
    for (const [width, height] of [
      [1, 1],
      [2, 1],
      [1, 300],
      [300, 1],
    ] as const)
      for (let index = 0; index < 50; index++) {
        const draws = new RandomStream(at(index), 'crop');
        const box = resizedCropBox(width, height, SCALE, RATIO, () => draws.uniform());
        expect(Math.min(box.width, box.height)).toBeGreaterThanOrEqual(1);
        expect(trainTransform(config(40)).pixels(noise(width, height), at(index)).data.length).toBe(4800);
      }
  });

  it('of inputs up to 32: padded with 4 black pixels and cropped back, all 81 places', () => {
    const image = noise(32, 32);
    const padded = crop(image, { left: -4, top: -4, width: 40, height: 40 });
    expect([...padded.data.subarray(0, 4 * 40 * 3)].every((byte) => byte === 0)).toBe(true);
    const transform = trainTransform(config(32, { hflip: 0 }));
    const seen = new Set<string>();
    for (let index = 0; index < 1000; index++) {
      const found = transform.pixels(image, at(index));
      for (let place = 0; place < 81; place++) {
        const box = { left: place % 9, top: Math.floor(place / 9), width: 32, height: 32 };
        if (difference(found, crop(padded, box)) === undefined) seen.add(`${index} ${place}`);
      }
    }
    expect(seen.size).toBe(1000);
    expect(new Set([...seen].map((entry) => entry.split(' ')[1])).size).toBe(81);
  });

  it('brings small pictures to the small input first, as evaluation does', () => {
    const digit = noise(8, 8);
    const enlarged = evalTransform({ ...config(32), cropPct: 0.875, cropMode: 'center' }).pixels(
      digit,
      at(0),
    );
    const transform = trainTransform(config(32, { hflip: 0 }));
    for (let index = 0; index < 5; index++)
      expect(
        difference(transform.pixels(digit, at(index)), transform.pixels(enlarged, at(index))),
      ).toBeUndefined();
  });
});

describe('horizontal flips', () => {
  it('exchange left and right', () => {
    expect([...mirrored({ width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 4, 5, 6) }).data]).toEqual([
      4, 5, 6, 1, 2, 3,
    ]);
  });

  it.each([0, 0.5, 1])('come with probability %d and leave the crop as it is', (hflip) => {
    const image = noise(36, 33);
    const plain = trainTransform(config(33, { hflip: 0 }));
    const flipping = trainTransform(config(33, { hflip }));
    let flips = 0;
    for (let index = 0; index < 400; index++) {
      const crop = plain.pixels(image, at(index));
      const found = flipping.pixels(image, at(index));
      if (difference(found, crop) === undefined) continue;
      flips++;
      expect(difference(found, mirrored(crop))).toBeUndefined();
    }
    expect(Math.abs(flips - 400 * hflip)).toBeLessThanOrEqual(hflip === 0.5 ? 50 : 0);
  });
});

it('draws by address: the same for the same, another for another epoch, sample or seed', () => {
  const transform = trainTransform(config(40));
  const image = noise(64, 48);
  const first = transform.pixels(image, at(5, 1));
  expect(difference(transform.pixels(image, at(5, 1)), first)).toBeUndefined();
  for (const other of [at(6, 1), at(5, 2), at(5, 1, 1)])
    expect(difference(transform.pixels(image, other), first)).toBeDefined();
});

it('refuses impossible settings', () => {
  expect(() => trainTransform(config(32, { hflip: 2 }))).toThrow(
    'hflip: expected a probability from 0 to 1, found 2.',
  );
  expect(() => trainTransform(config(64, { scale: [0.5, 0.1] }))).toThrow(
    'scale: expected two numbers, 0 < min <= max <= 1',
  );
  expect(() => trainTransform(config(64, { ratio: [0, 1] }))).toThrow(
    'ratio: expected two numbers, 0 < min <= max,',
  );
});

describe.skipIf(!hasGolden)(`the reference crops${hasGolden ? '' : ` (skipped: ${NO_GOLDEN})`}`, () => {
  interface Crop {
    w: number;
    h: number;
    uniforms_used: number[];
    top_left_height_width: number[];
  }
  const crops = hasGolden ? readJson<Crop[]>(join(GOLDEN, 'recipe/crops.json')) : [];

  it('takes the same boxes from the same uniforms, and as many of them', () => {
    expect(crops.length).toBeGreaterThan(0);
    for (const { w, h, uniforms_used: uniforms, top_left_height_width: expected } of crops) {
      let used = 0;
      const box = resizedCropBox(w, h, SCALE, RATIO, () => uniforms[used++]!);
      expect([box.top, box.left, box.height, box.width]).toEqual(expected);
      expect(used).toBe(uniforms.length);
    }
  });

  it('gives the same pixels for the boxes of the chain', async () => {
    type Four = [number, number, number, number];
    const chain = readJson<{
      box_top_left_height_width: Four;
      crops: Record<
        string,
        { top_left_height_width: Four; size: number; interpolation: 'bicubic' | 'bilinear' }
      >;
    }>(join(GOLDEN, 'recipe/chain.json'));
    const image = await goldenImage('images/decoded/cat_odd.jpg.png');
    const first = {
      top_left_height_width: chain.box_top_left_height_width,
      size: 64,
      interpolation: 'bicubic' as const,
    };
    const cases = [
      ['1_crop', first] as const,
      ...Object.entries(chain.crops).map(([name, entry]) => [`crop_${name}`, entry] as const),
    ];
    for (const [name, { top_left_height_width: box, size, interpolation }] of cases) {
      const region = { top: box[0], left: box[1], height: box[2], width: box[3] };
      const found = resample(image, { width: size, height: size, interpolation, region });
      expect(difference(found, await goldenImage(`recipe/chain/${name}.png`)), name).toBeUndefined();
    }
  });
});
