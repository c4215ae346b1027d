import { describe, expect, it } from 'vitest';
import { uniformAt } from '../../src/train/random.js';

const draw = (seed: number, epoch: number, step: number, path: string, count: number) =>
  uniformAt({ seed, epoch, step })(path, count).dataSync() as Float32Array;

describe('uniform numbers of a step', () => {
  it('depend on seed, epoch, step and module, and on nothing else', () => {
    const one = draw(1, 2, 3, 'stages.0.blocks.1', 8);
    const uniform = uniformAt({ seed: 1, epoch: 2, step: 3 });
    uniform('stages.0.blocks.0', 5);
    expect(uniform('stages.0.blocks.1', 8).dataSync()).toEqual(one);
    expect(draw(1, 2, 3, 'stages.0.blocks.1', 3)).toEqual(one.slice(0, 3));
    for (const other of [
      draw(2, 2, 3, 'stages.0.blocks.1', 8),
      draw(1, 3, 3, 'stages.0.blocks.1', 8),
      draw(1, 2, 4, 'stages.0.blocks.1', 8),
      draw(1, 2, 3, 'stages.0.blocks.2', 8),
    ])
      expect(other).not.toEqual(one);
  });

  it('fill [0, 1) evenly', () => {
    const values = draw(0, 0, 0, 'head', 40_000);
    const counts = new Array<number>(10).fill(0);
    for (const value of values) counts[Math.floor(value * 10)]!++;
    expect(counts).toHaveLength(10);
    // Five standard deviations of a binomial count.
    for (const count of counts) expect(Math.abs(count - 4000)).toBeLessThan(5 * 60);
  });
});
