import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { resizeBilinear, resizeNearest } from '../../src/ops/index.js';
import { describeBackends, leaked } from '../helpers/backends.js';
import { checkGradient, evaluate, input, relativeError, taped, values } from './gradient-check.js';
import * as reference from './reference.js';

type Size = [number, number];

const SIZES: [Size, Size][] = [
  [
    [7, 5],
    [13, 11],
  ],
  [
    [3, 5],
    [5, 3],
  ],
  [
    [1, 2],
    [2, 1],
  ],
  [
    [2, 1],
    [1, 2],
  ],
  [
    [1, 1],
    [4, 3],
  ],
  [
    [9, 12],
    [4, 5],
  ],
  [
    [7, 7],
    [14, 14],
  ],
  [
    [13, 3],
    [7, 10],
  ],
  [
    [4, 3],
    [4, 6],
  ],
];

const OPERATIONS = [
  { name: 'resizeBilinear', operation: resizeBilinear, sources: reference.bilinearSources },
  { name: 'resizeNearest', operation: resizeNearest, sources: reference.nearestSources },
];

for (const { name, operation, sources } of OPERATIONS)
  describeBackends(['cpu', 'wasm', 'node'], name, () => {
    const to = (size: Size) => (x: tf.Tensor) => operation(x as tf.Tensor4D, size);

    it.each(SIZES)('matches float64 from %j to %j, forward and backward', ([h, w], size) => {
      const shape: reference.Shape4D = [2, h, w, 3];
      const x = input('x', shape);
      const dy = values('dy', [2, ...size, 3]);
      const expected = reference.resize(x.values, shape, size, sources, dy);
      // Source positions are computed in float32: up to 13 · 2^-24 off.
      expect(relativeError(evaluate(to(size), [x]), expected.output)).toBeLessThan(3e-6);
      expect(relativeError(taped(to(size), [x], dy)[0]!, expected.dx)).toBeLessThan(3e-6);
    });

    it('agrees with central differences', () => {
      checkGradient(to([7, 9]), [input('x', [2, 4, 3, 2])], 0.5, 1e-5);
      checkGradient(to([2, 4]), [input('x', [1, 5, 7, 1])], 0.5, 1e-5);
    });

    it('is the identity at the same size, with a gradient', () => {
      const x = input('x', [1, 3, 2, 2]);
      const dy = values('dy', [12]);
      expect(evaluate(to([3, 2]), [x])).toEqual(x.values);
      expect(taped(to([3, 2]), [x], dy)[0]).toEqual(dy);
    });

    it('names what it cannot resize', () => {
      tf.tidy(() => {
        expect(() => operation(tf.ones([2, 3, 1]) as unknown as tf.Tensor4D, [2, 2])).toThrow('[2, 3, 1]');
        expect(() => operation(tf.ones([1, 2, 3, 1]), [0, 2])).toThrow('[0, 2]');
      });
    });

    it('leaves no tensors behind', async () => {
      const x = tf.ones<tf.Rank.R4>([1, 2, 3, 2]);
      expect(
        await leaked(() => {
          operation(x, [4, 6]).dispose();
          operation(x, [2, 3]).dispose();
          tf.dispose(tf.grad(to([4, 6]))(x));
        }),
      ).toBe(0);
      x.dispose();
    });
  });

describeBackends(['cpu', 'wasm', 'node'], 'resizeNearest, every pair of sizes up to 64', () => {
  it('takes the pixels that PyTorch takes, forward and backward', () => {
    const wrong: string[] = [];
    for (let from = 1; from <= 64; from++) {
      const pixels = Float32Array.from({ length: from }, (_, i) => i);
      for (let to = 1; to <= 64; to++) {
        if (from === to) continue;
        const sources = Array.from({ length: to }, (_, i) => reference.nearestSources(i, from, to)[0]!.index);
        const counts = Array.from(pixels, (p) => sources.filter((s) => s === p).length);
        const resized = (x: tf.Tensor): tf.Tensor => resizeNearest(x as tf.Tensor4D, [to, 1]);
        const x = { shape: [1, from, 1, 1], values: pixels };
        const forward = evaluate(resized, [x]).every((v, i) => v === sources[i]);
        const backward = taped(resized, [x], new Float32Array(to).fill(1))[0]!;
        if (!forward || !backward.every((v, i) => v === counts[i])) wrong.push(`${from} → ${to}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
