import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mixImages, type Mix } from '../../../src/data/mixing/apply.js';
import { symmetricBeta } from '../../../src/data/mixing/beta.js';
import { boxAround, drawMinmaxBox, shareOutside } from '../../../src/data/mixing/cutmix-box.js';
import { createMixing, isMixing, type MixingConfig } from '../../../src/data/mixing/index.js';
import { mixedTargets } from '../../../src/data/mixing/targets.js';
import { RandomStream } from '../../../src/data/random.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../../helpers/golden.js';
import { goldenTensor, uniformTensor } from '../helpers/golden-tensors.js';
import { readJson } from '../helpers/images.js';

const stream = (index: number) => new RandomStream({ seed: 5, epoch: 0, index }, 'mixing');
const at = (step: number, epoch = 0, seed = 0) => ({ seed, epoch, step });

describe('Beta draws', () => {
  // Mean 1/2 and variance 1 / (4 (2 alpha + 1)); the fourth central moment tells the shapes apart.
  it.each([0.1, 0.8, 1, 2.5])('of alpha %d have its moments', (alpha) => {
    const draws = stream(Math.round(alpha * 10));
    const values = Array.from({ length: 40_000 }, () => symmetricBeta(alpha, draws));
    const moment = (power: number): number =>
      values.reduce((sum, value) => sum + (value - 0.5) ** power, 0) / values.length;
    const variance = 1 / (4 * (2 * alpha + 1));
    const fourth = (3 * variance ** 2 * (2 * alpha + 1)) / (2 * alpha + 3);
    expect(Math.abs(moment(1))).toBeLessThan(0.01);
    expect(Math.abs(moment(2) / variance - 1)).toBeLessThan(0.03);
    expect(Math.abs(moment(4) / fourth - 1)).toBeLessThan(0.04);
    expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
  });
});

describe('mixing', () => {
  const shape = [6, 5, 4, 3] as const;
  const labels = Int32Array.of(0, 1, 2, 3, 0, 1);
  const size = 5 * 4 * 3;
  /** Picture i is all i + 1. */
  const batch = () => ({
    images: Float32Array.from({ length: 6 * size }, (_, i) => Math.floor(i / size) + 1),
    shape,
    labels,
  });
  const mixed = (config: Partial<MixingConfig>, step = 0, epoch = 0, seed = 0) => {
    const given = batch();
    const targets = createMixing({ numClasses: 4, smoothing: 0, ...config })(given, at(step, epoch, seed));
    return { images: given.images, targets };
  };

  it.each(['batch', 'pair', 'elem'] as const)(
    '%s: what the pictures have of each other is what the targets say',
    (mixupMode) => {
      for (let step = 0; step < 40; step++) {
        const { images, targets } = mixed({ mixup: 0.8, cutmix: 1, mixupMode }, step);
        for (let i = 0; i < 6; i++) {
          const own = i + 1;
          const other = 6 - i;
          const mean = images.slice(i * size, (i + 1) * size).reduce((a, b) => a + b) / size;
          const lam = (mean - other) / (own - other);
          const expected = new Float32Array(4);
          expected[labels[i]!]! += lam;
          expected[labels[5 - i]!]! += 1 - lam;
          for (let k = 0; k < 4; k++) expect(targets[i * 4 + k]).toBeCloseTo(expected[k]!, 5);
        }
      }
    },
  );

  it('draws one lam for a batch, one for a pair, one for each picture', () => {
    const lams = (mixupMode: MixingConfig['mixupMode']): number[] => {
      const { images } = mixed({ mixup: 0.8, mixupMode });
      return Array.from({ length: 6 }, (_, i) =>
        Number(((images[i * size]! - (6 - i)) / (i + 1 - (6 - i))).toFixed(4)),
      );
    };
    expect(new Set(lams('batch')).size).toBe(1);
    const pairs = lams('pair');
    expect(pairs).toEqual(pairs.toReversed());
    expect(new Set(pairs).size).toBe(3);
    expect(new Set(lams('elem')).size).toBe(6);
  });

  it('cuts or blends by the switch probability, and not at all by the probability', () => {
    const unmixed = batch().images;
    const count = (config: Partial<MixingConfig>) => {
      let cut = 0;
      let none = 0;
      for (let step = 0; step < 400; step++) {
        const { images } = mixed({ mixup: 0.8, cutmix: 1, ...config }, step);
        const whole = images.every((value) => Number.isInteger(value));
        if (images.every((value, i) => value === unmixed[i])) none++;
        else if (whole) cut++;
      }
      return { cut: cut / 400, none: none / 400 };
    };
    const half = count({});
    // A box of no pixels leaves the picture as it is: 5 x 4 pixels see that now and then.
    expect(half.cut).toBeGreaterThan(0.35);
    expect(half.cut).toBeLessThan(0.55);
    expect(count({ mixupSwitchProb: 0 }).cut).toBe(0);
    expect(count({ mixupSwitchProb: 1 }).cut).toBeGreaterThan(0.8);
    expect(count({ mixupProb: 0 }).none).toBe(1);
    expect(count({ mixupProb: 0.3, cutmix: 0 }).none).toBeGreaterThan(0.6);
    expect(count({ mixupProb: 0.3, cutmix: 0 }).none).toBeLessThan(0.8);
  });

  it('min-max boxes have sides between the shares asked for and lie inside', () => {
    for (let index = 0; index < 300; index++) {
      const { top, bottom, left, right } = drawMinmaxBox(50, 80, [0.2, 0.5], stream(index));
      expect(bottom - top).toBeGreaterThanOrEqual(10);
      expect(bottom - top).toBeLessThan(25);
      expect(right - left).toBeGreaterThanOrEqual(16);
      expect(right - left).toBeLessThan(40);
      expect(Math.min(top, left, 50 - bottom, 80 - right)).toBeGreaterThanOrEqual(0);
    }
    expect(isMixing({ cutmixMinmax: [0.2, 0.5] })).toBe(true);
    expect(mixed({ cutmixMinmax: [0.4, 0.8] }).images).not.toEqual(batch().images);
  });

  it('stops at the off epoch, and with nothing switched on: targets are smoothed labels', () => {
    const smooth = { mixup: 0.8, smoothing: 0.1, mixupOffEpoch: 3 };
    expect(mixed(smooth, 0, 2).images).not.toEqual(batch().images);
    for (const { images, targets } of [mixed(smooth, 0, 3), mixed({ smoothing: 0.1 })]) {
      expect(images).toEqual(batch().images);
      expect([...targets.subarray(0, 4)]).toEqual([0.925, 0.025, 0.025, 0.025].map(Math.fround));
    }
  });

  it('draws by address: the same for the same, another for another step, epoch or seed', () => {
    const first = mixed({ mixup: 0.8 }, 4, 1, 2);
    expect(mixed({ mixup: 0.8 }, 4, 1, 2)).toEqual(first);
    for (const other of [
      mixed({ mixup: 0.8 }, 5, 1, 2),
      mixed({ mixup: 0.8 }, 4, 2, 2),
      mixed({ mixup: 0.8 }, 4, 1, 3),
    ])
      expect(other.targets).not.toEqual(first.targets);
  });

  it('refuses odd batches and impossible settings', () => {
    const odd = { images: new Float32Array(3), shape: [3, 1, 1, 1] as const, labels: new Int32Array(3) };
    expect(() => createMixing({ numClasses: 2, mixup: 1 })(odd, at(0))).toThrow(
      'expected an even batch, found 3. Choose an even --batch-size.',
    );
    for (const [config, message] of [
      [{ mixup: -1 }, 'mixup: expected an alpha of 0 (off) or more, found -1.'],
      [{ mixupProb: 2 }, 'mixup-prob: expected a number from 0 to 1, found 2.'],
      [
        { cutmixMinmax: [0.5, 0.2] },
        'cutmix-minmax: expected two shares, 0 <= min < max <= 1, found 0.5 0.2.',
      ],
    ] as const)
      expect(() => createMixing({ numClasses: 2, ...config })).toThrow(message);
  });
});

describe.skipIf(!hasGolden)(`the reference's mixing${hasGolden ? '' : ` (skipped: ${NO_GOLDEN})`}`, () => {
  interface Batch {
    name: string;
    lam: number;
    cutmix: boolean;
    centres: [number, number] | [];
  }
  interface Elements {
    name: string;
    mode: 'elem' | 'pair';
    lam: number[];
    cutmix: boolean[];
    centres: number[];
  }
  interface Box {
    h: number;
    w: number;
    lam: number;
    cy: number;
    cx: number;
    yl: number;
    yh: number;
    xl: number;
    xh: number;
    lam_corrected: number;
  }
  const golden = hasGolden
    ? readJson<{
        x_key: string;
        x_shape: [number, number, number, number];
        labels: number[];
        classes: number;
        smoothing: number;
        batch_mode: Batch[];
        elem_and_pair: Elements[];
        boxes: Box[];
      }>(join(GOLDEN, 'recipe/mixup.json'))
    : undefined;

  /** Compares pictures and targets for the mixes of the four pictures, bit for bit. */
  function compare(name: string, mixes: { mix: Mix; lam: number }[]): void {
    const { x_key, x_shape, labels, classes, smoothing } = golden!;
    const [batch, channels, height, width] = x_shape;
    const file = 'recipe/mixup_erasing.safetensors';
    const images = uniformTensor(x_key, x_shape);
    mixImages(
      images,
      [batch, height, width, channels],
      mixes.map(({ mix }) => mix),
    );
    expect(images).toEqual(goldenTensor(file, name, x_shape));
    const lams = mixes.map(({ lam }) => lam);
    expect(mixedTargets(Int32Array.from(labels), lams, classes, smoothing)).toEqual(
      goldenTensor(file, `${name}.target`),
    );
  }

  function mixOf(lam: number, cutmix: boolean, centres: number[]): { mix: Mix; lam: number } {
    const [, , height, width] = golden!.x_shape;
    if (lam === 1) return { mix: undefined, lam };
    if (!cutmix) return { mix: { lam }, lam };
    const box = boxAround(height, width, lam, centres[0]!, centres[1]!);
    return { mix: { box }, lam: shareOutside(box, height, width) };
  }

  it('cuts the same boxes and corrects lam by them', () => {
    expect(golden!.boxes.length).toBeGreaterThan(0);
    for (const { h, w, lam, cy, cx, yl, yh, xl, xh, lam_corrected } of golden!.boxes) {
      const box = boxAround(h, w, lam, cy, cx);
      expect(box).toEqual({ top: yl, bottom: yh, left: xl, right: xh });
      expect(shareOutside(box, h, w)).toBeCloseTo(lam_corrected, 12);
    }
  });

  it.each(golden?.batch_mode ?? [])('$name', ({ name, lam, cutmix, centres }) => {
    const one = mixOf(lam, cutmix, centres);
    compare(name, [one, one, one, one]);
  });

  it.each(golden?.elem_and_pair ?? [])('$name', ({ name, mode, lam, cutmix, centres }) => {
    const left = [...centres];
    const drawn = lam.map((value, i) =>
      // NumPy's lam is float32 in these modes.
      mixOf(Math.fround(value), cutmix[i]!, cutmix[i] ? left.splice(0, 2) : []),
    );
    compare(name, mode === 'pair' ? [...drawn, ...drawn.toReversed()] : drawn);
  });
});
