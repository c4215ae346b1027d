import { describe, expect, it } from 'vitest';
import { describePipeline } from '../../src/train/describe-pipeline.js';
import { findBatchSize, type Trial } from '../../src/train/find-batch-size.js';
import { flagLayer, mergeConfig } from '../../src/train/load-config.js';

describe('the largest batch', () => {
  /** A machine: what a process takes for a batch, and from where on it is killed. */
  const machine = (room: number, base = 100, each = 10) => {
    const tried: number[] = [];
    const trial = (batch: number): Promise<Trial> => {
      tried.push(batch);
      const bytes = base + each * batch;
      return Promise.resolve(bytes <= room ? { fits: true, peakBytes: bytes } : { fits: false });
    };
    return { tried, trial };
  };

  it('is found by doubling, then bisecting, to an eighth', async () => {
    const { trial, tried } = machine(100 + 10 * 300);
    const batch = (await findBatchSize(trial, { start: 16, multiple: 2 }))!;
    expect(batch).toBeLessThanOrEqual(300);
    expect(batch).toBeGreaterThan(300 * (7 / 8));
    expect(batch % 2).toBe(0);
    expect(tried.slice(0, 6)).toEqual([16, 32, 64, 128, 256, 512]);
  });

  it('is looked for downwards where the first does not fit, and may not be there', async () => {
    const small = machine(100 + 10 * 5);
    expect(await findBatchSize(small.trial, { start: 16, multiple: 1 })).toBe(5);
    const none = machine(100);
    expect(await findBatchSize(none.trial, { start: 16, multiple: 2 })).toBeUndefined();
    expect(none.tried).toEqual([16, 8, 4, 2]);
  });

  it('is not tried beyond a limit of memory: two trials say what the next would take', async () => {
    const limit = 100 + 10 * 300;
    const { trial, tried } = machine(Infinity);
    const batch = (await findBatchSize(trial, { start: 16, multiple: 2, limitBytes: limit }))!;
    expect(100 + 10 * batch).toBeLessThanOrEqual(0.9 * limit);
    expect(100 + 10 * Math.max(...tried)).toBeLessThanOrEqual(limit);
    expect(batch).toBeGreaterThan(200);
  });
});

describe('the pipeline in words', () => {
  const words = (options: object) =>
    describePipeline(mergeConfig(flagLayer({ model: 'm', data: 'd', ...options })));

  it('is that of the recipe', () => {
    expect(words({})).toEqual([
      'three views of each',
      'a crop of 8 % to 100 % of the area, resized to 224 (bicubic)',
      'mirrored (50 %)',
      'rand-m9-mstd0.5-inc1',
      'normalised',
      'erased (25 %, pixel, up to 1)',
      'mixed (Mixup 0.8 or CutMix 1)',
    ]);
  });

  it('leaves out what is off', () => {
    const off = { aa: 'none', colorJitter: 0, reprob: 0, mixup: 0, cutmix: 0, hflip: 0, repeatedAug: false };
    expect(words({ ...off, progressive: ['0:160', '6:192'] })).toEqual([
      'a crop of 8 % to 100 % of the area, resized to 160, 192 from epoch 6 on (bicubic)',
      'normalised',
    ]);
    expect(words({ overfitBatches: 2 })).toEqual(['of the first 2 batches, as in validation']);
  });
});
