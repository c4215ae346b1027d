import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { learningRate, scaledLearningRate } from '../../src/train/schedule.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';

interface Schedule {
  epochs: number;
  batch_size: number;
  world_size: number;
  lr_argument: number;
  lr_scaled: number;
  min_lr: number;
  warmup_lr: number;
  warmup_epochs: number;
  lr_used_in_epoch: number[];
  lr_after_last_step: number;
}

describe('learning rate', () => {
  it.skipIf(!hasGolden)(`equals the reference in every epoch${hasGolden ? '' : `: ${NO_GOLDEN}`}`, () => {
    const schedules = JSON.parse(readFileSync(`${GOLDEN}recipe/schedule.json`, 'utf8')) as Schedule[];
    expect(schedules.length).toBeGreaterThan(0);
    for (const golden of schedules) {
      const options = {
        epochs: golden.epochs,
        lr: golden.lr_argument,
        warmupLr: golden.warmup_lr,
        minLr: golden.min_lr,
        warmupEpochs: golden.warmup_epochs,
        globalBatchSize: golden.batch_size * golden.world_size,
      };
      expectClose(scaledLearningRate(options), golden.lr_scaled);
      golden.lr_used_in_epoch.forEach((lr, epoch) => expectClose(learningRate(options, epoch), lr));
      expectClose(learningRate(options, golden.epochs), golden.lr_after_last_step);
    }
  });

  it('is the cosine from the first epoch without warm-up', () => {
    const options = { epochs: 4, lr: 1, warmupLr: 0, minLr: 0, warmupEpochs: 0, globalBatchSize: 512 };
    const rates = [0, 1, 2, 3].map((epoch) => learningRate(options, epoch));
    [1, 1, (1 + Math.SQRT1_2) / 2, 0.5].forEach((rate, epoch) => expectClose(rates[epoch]!, rate));
  });
});

function expectClose(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-12 * Math.abs(expected));
}
