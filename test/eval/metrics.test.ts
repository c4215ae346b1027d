import { describe, expect, it } from 'vitest';
import { MetricsSum } from '../../src/eval/metrics.js';

const sum = (classes: number, ...batches: [number[][], number[]][]) => {
  const metrics = new MetricsSum(classes);
  for (const [logits, labels] of batches)
    metrics.add(Float32Array.from(logits.flat()), Int32Array.from(labels));
  return metrics.result();
};

describe('metrics', () => {
  it('counts the right class among the best one and the best five', () => {
    const row = [6, 5, 4, 3, 2, 1, 0];
    const result = sum(7, [
      [row, row, row, row],
      [0, 1, 4, 5],
    ]);
    expect(result).toMatchObject({ images: 4, top1: 25, top5: 75, k: 5 });
  });

  it('weighs images, not batches: a partial last batch is exact', () => {
    const [right, wrong] = [[9, 0], [0, 9]]; // prettier-ignore
    const result = sum(
      2,
      [
        [right, right, right],
        [0, 0, 0],
      ],
      [[wrong], [0]],
    );
    expect(result.top1).toBe(75);
    const small = Math.log(1 + Math.exp(-9));
    expect(result.loss).toBeCloseTo((3 * small + (9 + small)) / 4, 12);
  });

  it('gives cross entropy, also of large logits', () => {
    expect(sum(2, [[[1000, 998]], [1]]).loss).toBeCloseTo(2 + Math.log(1 + Math.exp(-2)), 9);
  });

  it('breaks ties as an arg-max does, by the lower index', () => {
    expect(sum(3, [[[1, 1, 0], [1, 1, 0]], [0, 1]]).top1).toBe(50); // prettier-ignore
  });

  it('takes as many as there are when there are fewer than five classes', () => {
    expect(sum(3, [[[3, 2, 1]], [2]])).toMatchObject({ k: 3, top5: 100, top1: 0 });
  });

  it('never counts NaN as right', () => {
    const result = sum(6, [[[NaN, 0, 0, 0, 0, 0], [1, NaN, NaN, NaN, NaN, NaN]], [0, 0]]); // prettier-ignore
    expect(result).toMatchObject({ top1: 0, top5: 0, loss: NaN });
  });
});
