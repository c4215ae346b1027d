import { describe, expect, it } from 'vitest';
import { progressiveLoader, parseProgressive } from '../../src/train/progressive.js';
import type { Loader } from '../../src/data/index.js';
import { firstBatches } from '../../src/train/overfit.js';
import { openDataset, evalTransform } from '../../src/data/index.js';

/** A loader that gives its size away. */
const loaderOf = (size: number): Loader => ({
  samples: 2,
  steps: 1,
  async *epoch() {
    await Promise.resolve();
    yield {
      images: new Float32Array(0),
      shape: [2, size, size, 3],
      labels: new Int32Array(2),
      indices: new Int32Array(2),
      names: [],
    };
  },
});

describe('images that grow', () => {
  it('have the size of their epoch, also where a run is resumed', async () => {
    const sizes = parseProgressive({ progressive: ['0:16', '2:24', '3:32'], inputSize: 32, epochs: 5 });
    const loader = progressiveLoader(sizes, loaderOf);
    const seen: number[] = [];
    for (const epoch of [0, 1, 2, 3, 4, 1])
      for await (const { shape } of loader.epoch(epoch)) seen.push(shape[1]);
    expect(seen).toEqual([16, 16, 24, 32, 32, 16]);
  });

  it('are of the input size without a schedule', () => {
    expect(parseProgressive({ progressive: undefined, inputSize: 224, epochs: 5 })).toEqual([
      { epoch: 0, size: 224 },
    ]);
  });
});

describe('--overfit-batches', () => {
  it('gives the same batches of several classes in every epoch, to train on and to score', async () => {
    const data = await openDataset('data/digits/val-000000.tar.gz');
    const transform = evalTransform({
      inputSize: [3, 32, 32],
      mean: [0, 0, 0],
      std: [1, 1, 1],
      interpolation: 'bicubic',
      cropPct: 1,
      cropMode: 'center',
    });
    const { train, val } = firstBatches({ batchSize: 8, overfitBatches: 2 }, data, transform);
    const labels: string[] = [];
    for (const loader of [train, val])
      for (const epoch of [0, 5]) {
        const seen: number[] = [];
        for await (const batch of loader.epoch(epoch)) seen.push(...batch.labels);
        labels.push(String(seen));
      }
    expect(new Set(labels).size).toBe(1);
    expect(new Set(labels[0]!.split(',')).size).toBeGreaterThan(3);
    expect(() => firstBatches({ batchSize: 200, overfitBatches: 2 }, data, transform)).toThrow(
      /--overfit-batches 2: 400 images are needed, .* has 360/,
    );
  });
});
