import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gaussianBlur } from '../../../src/data/augment/blur.js';
import { brightness, color, contrast, grayscale } from '../../../src/data/augment/enhance.js';
import { mirrored } from '../../../src/data/augment/flip.js';
import { solarize } from '../../../src/data/augment/lookup.js';
import {
  OPERATIONS,
  type OperationName,
  type OperationSettings,
} from '../../../src/data/augment/operations.js';
import { parseRandAugment } from '../../../src/data/augment/rand-augment.js';
import type { Draws } from '../../../src/data/random.js';
import { resample } from '../../../src/data/resample.js';
import { crop, type RgbImage } from '../../../src/data/rgb-image.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../../helpers/golden.js';
import { difference, goldenImage, readJson } from '../helpers/images.js';
import { WAYS } from '../helpers/ways.js';

const FILL = [124, 116, 104] as const;
const settings = (interpolation: OperationSettings['interpolation']): OperationSettings => ({
  fill: [...FILL],
  interpolation,
  translate: 100,
});

/** Nothing may be drawn. */
const noDraws: Draws = {
  uniform: () => expect.fail('drew a number'),
  normal: () => expect.fail('drew a number'),
  normals: () => expect.fail('drew a number'),
};
const sign = (value: number): Draws => ({ ...noDraws, uniform: () => (value < 0 ? 0.75 : 0.25) });

interface Entry {
  level: number;
  sign: number;
  args: number[];
  tile: number;
}

const read = <T>(name: string, empty: T): T =>
  hasGolden ? readJson<T>(join(GOLDEN, 'recipe', name)) : empty;

const tile = (stack: RgbImage, index: number, height: number): RgbImage =>
  crop(stack, { left: 0, top: index * height, width: stack.width, height });

describe.skipIf(!hasGolden)(`RandAugment's operations${hasGolden ? '' : ` (skipped: ${NO_GOLDEN})`}`, () => {
  const golden = read('randaugment.json', {
    op_names: [] as string[],
    ops: {} as Record<
      OperationName,
      { entries: Entry[]; file: string; odd_file?: string; bilinear_file?: string }
    >,
    level_to_argument: {} as Record<OperationName, [level: number, positive: number, negative: number][]>,
  });
  const operations = Object.entries(golden.ops) as [OperationName, (typeof golden.ops)[OperationName]][];

  it('are those of the reference, in its order', () => {
    const policy = parseRandAugment('rand-m9-mstd0.5-inc1');
    expect(policy).toEqual({
      operations: golden.op_names,
      weights: undefined,
      layers: 2,
      magnitude: 9,
      deviation: 0.5,
      maximum: undefined,
      probability: 0.5,
    });
    expect(operations.map(([name]) => name)).toEqual(golden.op_names);
  });

  it.each(operations)('%s: every tile', async (name, { entries, file, odd_file, bilinear_file }) => {
    const compare = async (source: string, stack: string, interpolation: 'bicubic' | 'bilinear') => {
      const image = await goldenImage(`recipe/${source}`);
      const expected = await goldenImage(`recipe/${stack}`);
      for (const { args, tile: index } of entries)
        for (const [way, run] of WAYS) {
          const found = run(() =>
            OPERATIONS[name].apply(image, args[0] ?? 0, settings(interpolation), noDraws),
          );
          expect(
            difference(found, tile(expected, index, image.height)),
            `${stack} ${args[0]} by ${way}`,
          ).toBeUndefined();
        }
    };
    await compare('source_64x48.png', file, 'bicubic');
    if (odd_file !== undefined) await compare('source_51x35.png', odd_file, 'bicubic');
    if (bilinear_file !== undefined) await compare('source_64x48.png', bilinear_file, 'bilinear');
  });

  it.each(Object.entries(golden.level_to_argument) as [OperationName, [number, number, number][]][])(
    '%s: the argument of every level',
    (name, levels) => {
      const { argument } = OPERATIONS[name] as (typeof OPERATIONS)['Rotate'];
      for (const [level, positive, negative] of levels) {
        expect(argument(level, sign(1), settings('bicubic'))).toBeCloseTo(positive, 12);
        expect(argument(level, sign(-1), settings('bicubic'))).toBeCloseTo(negative, 12);
      }
    },
  );

  it('all draw their sign as timm does: negative above one half', () => {
    const at = (uniform: number): Draws => ({ ...noDraws, uniform: () => uniform });
    expect(OPERATIONS.Rotate.argument(10, at(0.5), settings('bicubic'))).toBe(30);
    expect(OPERATIONS.Rotate.argument(10, at(0.5000001), settings('bicubic'))).toBe(-30);
  });
});

describe.skipIf(!hasGolden)(
  `color jitter and 3-Augment${hasGolden ? '' : ` (skipped: ${NO_GOLDEN})`}`,
  () => {
    const { tiles } = read('jitter.json', { tiles: [] as { name: string; tile: number }[] });
    const one: Record<string, (image: RgbImage, factor: number) => RgbImage> = {
      brightness,
      contrast,
      saturation: color,
      three_augment_gray: grayscale,
      three_augment_solarize: solarize,
      three_augment_gaussian_blur: gaussianBlur,
    };

    it.each(tiles)('$name', async ({ name, tile: index }) => {
      const image = await goldenImage('recipe/source_64x48.png');
      const steps = [...name.replace('_in_this_order', '').matchAll(/([a-z]\w*?)(?:_([\d.]+)|$)(?:_|$)/g)];
      expect(steps.length).toBeGreaterThan(0);
      const expected = tile(await goldenImage('recipe/jitter.png'), index, image.height);
      for (const [way, run] of WAYS) {
        const found = run(() =>
          steps.reduce((result, [, step, factor]) => one[step!]!(result, Number(factor)), image),
        );
        expect(difference(found, expected), way).toBeUndefined();
      }
    });
  },
);

describe.skipIf(!hasGolden)(`the chain${hasGolden ? '' : ` (skipped: ${NO_GOLDEN})`}`, () => {
  it.each(WAYS)('crop, flip, rotation and contrast by %s: every intermediate picture', async (_, run) => {
    const [top, left, height, width] = read('chain.json', {
      box_top_left_height_width: [] as number[],
    }).box_top_left_height_width as [number, number, number, number];
    const cat = await goldenImage('images/decoded/cat_odd.jpg.png');
    const region = { top, left, height, width };
    const cropped = run(() => resample(cat, { width: 64, height: 64, interpolation: 'bicubic', region }));
    const rotated = run(() =>
      OPERATIONS.Rotate.apply(mirrored(cropped), -25.8, settings('bicubic'), noDraws),
    );
    const result = run(() => OPERATIONS.ContrastIncreasing.apply(rotated, 1.81));
    for (const [name, found] of [
      ['1_crop', cropped],
      ['2_flip_rotate', rotated],
      ['3_contrast', result],
    ] as const)
      expect(difference(found, await goldenImage(`recipe/chain/${name}.png`)), name).toBeUndefined();
  });
});
