import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Dataset } from '../../../src/data/dataset.js';
import { UserError } from '../../../src/errors.js';
import {
  closeWorkers,
  createLoader,
  LoaderCursor,
  repeatedAugmentationSampler,
  sequentialSampler,
  trainTransform,
} from '../../../src/data/index.js';
import type { LoadedBatch } from '../../../src/data/index.js';
import { evalTransform } from '../../../src/data/transform-eval.js';
import { memoryDataset, noiseJpeg } from '../helpers/synthetic-dataset.js';

const CONFIG = {
  inputSize: [3, 40, 40],
  interpolation: 'bicubic',
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
} as const;
const TRAIN = { ...CONFIG, aa: 'rand-m9-mstd0.5-inc1', reprob: 0.5 };

/** Everything that a batch gives, a line a sample, pictures as their digests. */
function lines({ images, shape: [size], labels, indices, names }: LoadedBatch): string[] {
  const stride = images.length / size;
  return Array.from({ length: size }, (_, i) => {
    const digest = createHash('sha256').update(images.subarray(i * stride, (i + 1) * stride));
    return `${indices[i]} ${labels[i]} ${names[i]} ${digest.digest('hex')}`;
  });
}

let data: Dataset;
beforeAll(async () => {
  const sizes = Array.from({ length: 50 }, (_, i) => noiseJpeg(48 + (i % 5) * 9, 60 - (i % 7) * 3, i + 1));
  data = memoryDataset(await Promise.all(sizes));
});
afterAll(closeWorkers);

interface Setting {
  workers: number;
  world?: number;
  cacheBytes?: number;
}

/** Batches of 8 over all processes, of repeated augmentation. */
const trainLoader = ({ workers, world = 1, cacheBytes = 0 }: Setting, rank = 0) =>
  createLoader(data, {
    batchSize: 8 / world,
    transform: trainTransform(TRAIN),
    sampler: repeatedAugmentationSampler(data.length, 3, { batchSize: 8 / world, rank, world }),
    seed: 3,
    dropLast: true,
    workers,
    cacheBytes,
  });

/** The global batches of two epochs from a step on: processes' batches put together in the order of the visits. */
async function globalBatches(setting: Setting, epoch: number, firstStep = 0): Promise<string[][]> {
  const { world = 1 } = setting;
  const ranks: string[][][] = [];
  for (let rank = 0; rank < world; rank++) {
    const batches: string[][] = [];
    for await (const batch of trainLoader(setting, rank).epoch(epoch, firstStep)) {
      batches.push(lines(batch));
      batch.release?.();
    }
    ranks.push(batches);
  }
  return ranks[0]!.map((_, step) => {
    const size = ranks[0]![step]!.length;
    return Array.from({ length: size * world }, (_, p) => ranks[p % world]![step]![Math.floor(p / world)]!);
  });
}

describe('the order of batches', () => {
  let expected: string[][][];
  beforeAll(async () => {
    expected = [await globalBatches({ workers: 0 }, 0), await globalBatches({ workers: 0 }, 1)];
  });

  it('is another one in another epoch', () => {
    expect(expected[0]).toHaveLength(6);
    expect(expected[0]).not.toEqual(expected[1]);
  });

  it.each([0, 2])(
    'is the same of an epoch that was prepared, or another one, with %d workers',
    async (workers) => {
      const reads: number[] = [];
      const counted = {
        ...data,
        read: (index: number) => {
          reads.push(index);
          return data.read(index);
        },
      };
      const loader = createLoader(counted, {
        batchSize: 8,
        transform: trainTransform(TRAIN),
        workers,
        cacheBytes: 0,
      });
      const take = async (epoch: number, firstStep?: number): Promise<string[][]> => {
        const batches: string[][] = [];
        for await (const batch of loader.epoch(epoch, firstStep)) {
          batches.push(lines(batch));
          batch.release?.();
        }
        return batches;
      };
      const fresh = await take(2, 3);
      reads.length = 0;
      loader.prepare!(2, 3);
      loader.prepare!(2, 3);
      // Before anybody asked for it.
      await expect.poll(() => reads.length).toBe(24);
      expect(await take(2, 3)).toEqual(fresh);
      expect(reads.length).toBe(50 - 3 * 8);
      // Prepared, and not wanted.
      loader.prepare!(1);
      expect(await take(2, 3)).toEqual(fresh);
      expect(await take(2, 3)).toEqual(fresh);
    },
  );

  it('a broken sample of a prepared epoch is heard of where the epoch is taken', async () => {
    const broken = { ...data, read: () => Promise.reject(new UserError('no such sample')) };
    const loader = createLoader(broken, { batchSize: 8, transform: trainTransform(TRAIN), workers: 0 });
    loader.prepare!(0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(loader.epoch(0).next()).rejects.toThrow('no such sample');
  });

  it('shows different augmentations of an image', () => {
    const [a, b, c, other] = expected[0]![0]!.map((line) => line.split(' '));
    expect(new Set([a![0], b![0], c![0]]).size).toBe(1);
    expect(new Set([a![3], b![3], c![3]]).size).toBe(3);
    expect(other![0]).not.toBe(a![0]);
  });

  for (const workers of [0, 1, 2, 4])
    for (const world of [1, 2, 4])
      it(`is the same for ${workers} workers in ${world} processes`, async () => {
        expect(await globalBatches({ workers, world }, 0)).toEqual(expected[0]);
        expect(await globalBatches({ workers, world }, 1)).toEqual(expected[1]);
      });

  it.each([0, 2])('is the same from every step of every epoch on, with %i workers', async (workers) => {
    for (const epoch of [0, 1])
      for (let step = 0; step <= 6; step++)
        expect(await globalBatches({ workers }, epoch, step)).toEqual(expected[epoch]!.slice(step));
  });

  it.each([0, 2])(
    'is the same wherever a cursor is set, over the end of an epoch, with %i workers',
    async (workers) => {
      const all = [...expected[0]!, ...expected[1]!];
      const cursor = new LoaderCursor(trainLoader({ workers }));
      for (let at = 11; at >= 0; at--) {
        await cursor.seek({ epoch: Math.floor(at / 6), step: at % 6 });
        for (let i = at; i < Math.min(at + 3, 12); i++) {
          expect(cursor.state()).toEqual({ epoch: Math.floor(i / 6), step: i % 6 });
          expect(lines(await cursor.next())).toEqual(all[i]);
        }
      }
      await cursor.seek({ epoch: 0, step: 6 });
      expect(cursor.state()).toEqual({ epoch: 1, step: 0 });
      await expect(cursor.seek({ epoch: 0, step: 7 })).rejects.toThrow(/a step of 0 to 6, found 0 and 7/);
      await cursor.close();
    },
  );

  it.each([0, 2])('is the same from kept pixels, with %i workers', async (workers) => {
    const loader = trainLoader({ workers, cacheBytes: 2 ** 24 });
    for (let round = 0; round < 3; round++) {
      const batches: string[][] = [];
      for await (const batch of loader.epoch(1)) batches.push(lines(batch));
      expect(batches).toEqual(expected[1]);
    }
  });

  it('goes on from a step without reading what came before', async () => {
    const counted = memoryDataset([await noiseJpeg(48, 48, 1)], 64);
    const loader = createLoader(counted, {
      batchSize: 8,
      transform: evalTransform({ ...CONFIG, cropPct: 1, cropMode: 'center' }),
    });
    for await (const batch of loader.epoch(0, 6)) expect(batch.indices[0]).toBeGreaterThanOrEqual(48);
    expect([...counted.reads].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, i) => 48 + i));
  });
});

describe('validation on several processes', () => {
  it.each([
    [0, 3],
    [2, 4],
    [1, 2],
  ])('%i workers, %i processes: every image is read exactly once', async (workers, world) => {
    const transform = evalTransform({ ...CONFIG, cropPct: 0.9, cropMode: 'center' });
    const all: string[] = [];
    for (let rank = 0; rank < world; rank++) {
      const sampler = sequentialSampler(data.length, { rank, world });
      for await (const batch of createLoader(data, { batchSize: 6, transform, sampler, workers }).epoch(0))
        all.push(...lines(batch));
    }
    const alone: string[] = [];
    for await (const batch of createLoader(data, { batchSize: 50, transform }).epoch(0))
      alone.push(...lines(batch));
    expect(all).toEqual(alone);
  });
});
