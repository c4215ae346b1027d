import { describe, expect, it } from 'vitest';
import { repeatedAugmentationSampler } from '../../../src/data/repeated-augmentation.js';
import { sequentialSampler, shuffleSampler } from '../../../src/data/sampler.js';
import { torchPermutation } from '../../../src/data/torch-permutation.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../../helpers/golden.js';
import { readJson } from '../helpers/images.js';

interface GoldenSampler {
  dataset: number;
  world: number;
  epoch: number;
  ranks: number[][];
  permutation?: number[];
  shuffle?: boolean;
}

describe.skipIf(!hasGolden)(`repeated augmentation against the reference (${NO_GOLDEN})`, () => {
  const cases = hasGolden ? readJson<GoldenSampler[]>(`${GOLDEN}/recipe/sampler.json`) : [];
  const shuffled = cases.filter(({ shuffle }) => shuffle !== false);

  it('has its cases', () => expect(shuffled.length).toBeGreaterThan(20));

  it.each(shuffled)(
    '$dataset images, $world processes, epoch $epoch',
    ({ dataset, world, epoch, ...golden }) => {
      if (golden.permutation) expect([...torchPermutation(dataset, epoch)]).toEqual(golden.permutation);
      golden.ranks.forEach((expected, rank) => {
        // The batch that makes the repaired rounding the reference's, where there is one.
        const options = { batchSize: 256 / world, rank, world };
        if (Number.isInteger(options.batchSize) && dataset >= 256)
          expect([...repeatedAugmentationSampler(dataset, 0, options).order(epoch).indices]).toEqual(
            expected,
          );
        const reference = repeatedAugmentationSampler(dataset, 5, { ...options, compat: 'reference' });
        expect(reference.length).toBe(expected.length);
        // The reference never tells a single process the epoch.
        if (world > 1 || epoch === 0) expect([...reference.order(epoch).indices]).toEqual(expected);
        else expect(reference.order(epoch)).toEqual(reference.order(0));
      });
    },
  );
});

describe('repeated augmentation', () => {
  it('shows an image three times in a row, with numbered views', () => {
    const { indices, views } = repeatedAugmentationSampler(40, 1, { batchSize: 8 }).order(2);
    expect(indices).toHaveLength(40);
    expect([...views!.subarray(0, 7)]).toEqual([0, 1, 2, 0, 1, 2, 0]);
    for (let i = 0; i < 39; i += 3) expect(new Set(indices.subarray(i, i + 3)).size).toBe(1);
    expect(new Set(indices).size).toBe(14);
  });

  it('shows other images in other epochs, also in a single process', () => {
    const sampler = repeatedAugmentationSampler(600, 0, { batchSize: 32 });
    const seen = new Set(Array.from({ length: 20 }, (_, epoch) => [...sampler.order(epoch).indices]).flat());
    // A third of 600 an epoch: the chance to miss one 20 times is (2/3)^20.
    expect(seen.size).toBeGreaterThan(590);
  });

  it('cuts to whole batches of all processes', () => {
    expect(repeatedAugmentationSampler(300, 0, { batchSize: 32 }).length).toBe(288);
    expect(repeatedAugmentationSampler(300, 0, { batchSize: 32, world: 2, rank: 1 }).length).toBe(128);
    expect(repeatedAugmentationSampler(300, 0, { batchSize: 32, compat: 'reference' }).length).toBe(256);
  });

  it('is off, with a notice, for a set smaller than a batch', () => {
    const notices: string[] = [];
    const sampler = repeatedAugmentationSampler(20, 3, {
      batchSize: 32,
      notice: (line) => notices.push(line),
    });
    expect(notices).toEqual([
      expect.stringMatching(/^repeated augmentation is off: 20 images .* batch of 32/),
    ]);
    expect(sampler.order(1)).toEqual(shuffleSampler(20, 3).order(1));
  });

  it('keeps the epochs of the largest seeds apart', () => {
    const sampler = repeatedAugmentationSampler(64, 0xffffffff, { batchSize: 64 });
    expect(sampler.order(0)).not.toEqual(sampler.order(1));
  });
});

describe('the shares of processes', () => {
  it.each([1, 2, 3, 4, 7])('every image is scored exactly once by %i processes', (world) => {
    for (const length of [0, 1, 5, 97, 128]) {
      const ranks = Array.from({ length: world }, (_, rank) => sequentialSampler(length, { rank, world }));
      const all = ranks.flatMap((sampler) => [...sampler.order(0).indices]);
      expect(all).toEqual(Array.from({ length }, (_, i) => i));
      expect(ranks.map((sampler) => sampler.length).reduce((a, b) => a + b)).toBe(length);
    }
  });

  it.each([2, 4])('%i processes together take the order of one', (world) => {
    const whole = shuffleSampler(101, 9).order(4).indices;
    const shares = Array.from(
      { length: world },
      (_, rank) => shuffleSampler(101, 9, { rank, world }).order(4).indices,
    );
    const together = Array.from(
      { length: Math.floor(101 / world) * world },
      (_, p) => shares[p % world]![Math.floor(p / world)],
    );
    expect(together).toEqual([...whole.subarray(0, together.length)]);
  });

  it.each([
    { rank: 2, world: 2 },
    { rank: -1, world: 2 },
    { rank: 0, world: 0 },
    { rank: 0.5, world: 2 },
  ])('refuses rank $rank of $world', (process) => {
    expect(() => sequentialSampler(10, process)).toThrow(/expected a rank of 0 to world - 1/);
  });
});
