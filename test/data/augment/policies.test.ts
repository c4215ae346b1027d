import { describe, expect, it } from 'vitest';
import { autoAugmentation } from '../../../src/data/augment/auto-augment.js';
import { AUTO_AUGMENT_POLICIES } from '../../../src/data/augment/auto-augment-policies.js';
import { colorJitter } from '../../../src/data/augment/color-jitter.js';
import { brightness, color, contrast } from '../../../src/data/augment/enhance.js';
import { applyStep, OPERATIONS, type OperationSettings } from '../../../src/data/augment/operations.js';
import { parseRandAugment } from '../../../src/data/augment/rand-augment.js';
import { RandomStream, type Draws } from '../../../src/data/random.js';
import type { RgbImage } from '../../../src/data/rgb-image.js';
import { trainTransform, type TrainConfig } from '../../../src/data/transform-train.js';
import { difference, noise } from '../helpers/images.js';

const settings: OperationSettings = { fill: [124, 116, 104], interpolation: 'bicubic', translate: 20 };
const image = noise(48, 40);
const stream = (index: number) => new RandomStream({ seed: 0, epoch: 0, index }, 'autoAugment');

/** Uniforms as listed; normals 0.5. */
function given(...uniforms: number[]): Draws {
  return {
    uniform: () => uniforms.shift() ?? expect.fail('drew more than was given'),
    normal: () => 0.5,
    normals: () => expect.fail('drew normals'),
  };
}

describe('RandAugment policies', () => {
  it('are read as timm reads them', () => {
    const policy = parseRandAugment('rand-n3-m7-p0.8-mstd101-mmax20');
    expect(policy).toMatchObject({
      layers: 3,
      magnitude: 7,
      probability: 0.8,
      deviation: Infinity,
      maximum: 20,
    });
    expect(policy.operations).toContain('Posterize');
    expect(policy.operations).not.toContain('PosterizeIncreasing');
    expect(parseRandAugment('rand')).toMatchObject({
      layers: 2,
      magnitude: 10,
      probability: 0.5,
      deviation: 0,
    });
    expect(parseRandAugment('rand-tweights').weights).toHaveLength(15);
    expect(parseRandAugment('rand-t3a').operations).toEqual([
      'SolarizeIncreasing',
      'Desaturate',
      'GaussianBlur',
    ]);
    expect(parseRandAugment('rand-inc1-w0').weights?.filter((weight) => weight === 0)).toHaveLength(2);
  });

  it.each([
    ['rand-m9-foo', 'aa: "foo" in "rand-m9-foo" is not understood'],
    ['rand-m9.5', 'aa: expected a whole number of 0 or more for "m" in "rand-m9.5", found 9.5.'],
    ['rand-m', 'aa: "m" in "rand-m" is not understood'],
    ['rand-m1-m2', 'aa: "m" is given twice in "rand-m1-m2".'],
    ['rand-p2', 'aa: expected a probability of at most 1 in "p2" of "rand-p2".'],
    ['rand-tfoo', 'aa: expected tweights, t3a or t3aw, found "tfoo" in "rand-tfoo".'],
    ['rand-n16-tweights', 'aa: "rand-n16-tweights" draws 16 of 15 operations without replacement.'],
    ['v0-m9', 'aa: "m9" in "v0-m9" is not understood: expected mstd, each with its value, such as mstd0.5.'],
    [
      'orignal',
      'aa: unknown policy "orignal": expected one that begins with rand, original, originalr, v0, v0r, 3a. Did you mean "original"?',
    ],
    ['augmix-m5', 'aa: unknown policy "augmix-m5"'],
  ])('%s is refused', (policy, message) => {
    expect(() => autoAugmentation(policy, settings)).toThrow(message);
  });

  it('apply the drawn operations one after the other', () => {
    const augment = autoAugmentation('rand-m9-mstd0.5-inc1', settings);
    // Operations 3 (Rotate) and 8 (Contrast); both applied; signs: rotated to the left, contrast raised.
    const found = augment(image, given(3.5 / 15, 8.5 / 15, 0.2, 0.6, 0.2, 0.1));
    const rotated = OPERATIONS.Rotate.apply(image, -((9.25 / 10) * 30), settings, given());
    expect(difference(found, contrast(rotated, 1 + (9.25 / 10) * 0.9))).toBeUndefined();
    // Neither applied: above the probability of one half.
    expect(augment(image, given(0, 0, 0.51, 0.9))).toBe(image);
  });

  it('draw every operation, about as often', () => {
    const counts = new Map<number, number>();
    for (let index = 0; index < 3000; index++) {
      const first = Math.floor(stream(index).uniform() * 15);
      counts.set(first, (counts.get(first) ?? 0) + 1);
    }
    expect(counts.size).toBe(15);
    expect(Math.min(...counts.values())).toBeGreaterThan(150);
  });

  it('with weights: none twice, by the weights of those left', () => {
    const augment = autoAugmentation('rand-tweights-n2-m10-p1', settings);
    // Rotate first, then of what is left (ShearX, ShearY, …) again the first; both to the positive side.
    const found = augment(image, given(0, 0, 0.1, 0.1));
    const rotated = OPERATIONS.Rotate.apply(image, 30, settings, given());
    expect(difference(found, OPERATIONS.ShearX.apply(rotated, 0.3, settings, given()))).toBeUndefined();
    // The heaviest has 3 of 10.05: just above that, the second is drawn.
    const second = augment(image, given(3.01 / 10.05, 0, 0.1, 0.1));
    const sheared = OPERATIONS.ShearX.apply(image, 0.3, settings, given());
    expect(difference(second, OPERATIONS.Rotate.apply(sheared, 30, settings, given()))).toBeUndefined();
  });
});

describe('single steps', () => {
  const step = { name: 'Rotate', probability: 1, magnitude: 8 } as const;
  const turned = (level: number): RgbImage =>
    OPERATIONS.Rotate.apply(image, (level / 10) * 30, settings, given());

  it('keep to their magnitude, spread it, or draw it uniformly, up to the bound', () => {
    const at = (more: object, ...uniforms: number[]): RgbImage =>
      applyStep(image, { ...step, ...more }, settings, given(...uniforms, 0.1));
    expect(difference(at({}), turned(8))).toBeUndefined();
    expect(difference(at({ deviation: 1 }), turned(8.5))).toBeUndefined();
    expect(difference(at({ deviation: 5 }), turned(10))).toBeUndefined();
    expect(difference(at({ deviation: 5, maximum: 20 }), turned(10.5))).toBeUndefined();
    expect(difference(at({ deviation: Infinity }, 0.25), turned(2))).toBeUndefined();
  });

  it('posterize of 0 bits is black', () => {
    const black = applyStep(
      image,
      { name: 'PosterizeIncreasing', probability: 1, magnitude: 10 },
      settings,
      given(),
    );
    expect(black.data.every((byte) => byte === 0)).toBe(true);
  });

  it('leave the given picture as it is', () => {
    const before = new Uint8Array(image.data);
    for (const [i, name] of (Object.keys(OPERATIONS) as (keyof typeof OPERATIONS)[]).entries())
      applyStep(image, { name, probability: 1, magnitude: 9 }, settings, stream(i));
    expect(image.data).toEqual(before);
  });
});

describe('AutoAugment', () => {
  it.each(['original', 'originalr', 'v0', 'v0r'] as const)('%s has 25 sub-policies of two steps', (name) => {
    const policy = AUTO_AUGMENT_POLICIES[name];
    expect(policy.map((steps) => steps.length)).toEqual(Array.from({ length: 25 }, () => 2));
  });

  it('applies the steps of the drawn sub-policy', () => {
    // Number 14 of the paper: Color 0.6 at 4, then Contrast always at 8.
    const found = autoAugmentation('original', settings)(image, given(14.5 / 25, 0.3));
    expect(difference(found, contrast(color(image, 0.4 * 1.8 + 0.1), 0.8 * 1.8 + 0.1))).toBeUndefined();
    expect(
      difference(
        autoAugmentation('original', settings)(image, given(14.5 / 25, 0.7)),
        contrast(image, 0.8 * 1.8 + 0.1),
      ),
    ).toBeUndefined();
  });
});

describe('color jitter', () => {
  it("is torchvision's: brightness, contrast, saturation in a drawn order", () => {
    // Order by Fisher-Yates: 2 stays, 1 stays; then the factors 0.6 + 0.8 u.
    const found = colorJitter(0.4)(image, given(0.9, 0.9, 0.25, 0.5, 0.75));
    const expected = color(contrast(brightness(image, 0.8), 1), 1.2);
    expect(difference(found, expected)).toBeUndefined();
    const turned = colorJitter(0.4)(image, given(0, 0.9, 0.25, 0.25, 0.75));
    expect(difference(turned, brightness(contrast(color(image, 1.2), 0.8), 0.8))).toBeUndefined();
  });
});

describe('the training pipeline', () => {
  const config = (more: Partial<TrainConfig>): TrainConfig => ({
    inputSize: [3, 40, 40],
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    interpolation: 'bicubic',
    ...more,
  });
  const pixels = (more: Partial<TrainConfig>, index: number, view?: number): RgbImage =>
    trainTransform(config(more)).pixels(image, { seed: 1, epoch: 2, index, view });

  it('has no color jitter beside a policy, but beside 3-Augment and the 3a policy', () => {
    const rand = { aa: 'rand-m9-mstd0.5-inc1' };
    const changes = (plain: Partial<TrainConfig>): number =>
      Array.from({ length: 20 }, (_, i) =>
        difference(pixels({ ...plain, colorJitter: 0.4 }, i), pixels(plain, i)),
      ).filter((found) => found !== undefined).length;
    expect(changes(rand)).toBe(0);
    expect(changes({ aa: 'original' })).toBe(0);
    for (const plain of [
      {},
      { aa: 'none' },
      { aa: '3a' },
      { threeAugment: true },
      { ...rand, threeAugment: true },
    ])
      expect(changes(plain)).toBeGreaterThan(15);
  });

  it('draws anew for each view of a repeated sample; view 0 is that of a single one', () => {
    const plain = pixels({}, 3);
    expect(difference(pixels({}, 3, 0), plain)).toBeUndefined();
    expect(difference(pixels({}, 3, 1), plain)).toBeDefined();
    expect(difference(pixels({}, 3, 2), pixels({}, 3, 1))).toBeDefined();
  });

  it('random interpolation is bilinear in half of the crops and bicubic in the others', () => {
    let bilinear = 0;
    for (let index = 0; index < 200; index++) {
      const found = pixels({ trainInterpolation: 'random' }, index);
      const isBilinear = difference(found, pixels({ trainInterpolation: 'bilinear' }, index)) === undefined;
      const isBicubic = difference(found, pixels({ trainInterpolation: 'bicubic' }, index)) === undefined;
      expect(isBilinear || isBicubic).toBe(true);
      if (isBilinear) bilinear++;
    }
    expect(bilinear).toBeGreaterThan(70);
    expect(bilinear).toBeLessThan(130);
  });

  it('flips upside down with its probability', () => {
    const plain = pixels({ hflip: 0 }, 0);
    const turned = pixels({ hflip: 0, vflip: 1 }, 0);
    const row = (picture: RgbImage, y: number): Uint8Array => picture.data.slice(y * 120, (y + 1) * 120);
    for (let y = 0; y < 40; y++) expect(row(turned, y)).toEqual(row(plain, 39 - y));
  });
});
