import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { gelu } from '../../src/ops/index.js';
import { describeBackends, leaked } from '../helpers/backends.js';
import { checkGradient, evaluate, input, relativeError, taped, values } from './gradient-check.js';
import * as reference from './reference.js';

describeBackends(['cpu', 'wasm', 'node'], 'gelu', (backend) => {
  const grid = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 250);
  // cpu and wasm round once (2^-24 of the result); TensorFlow's Erf is off by 3.4e-7 near ±1, which x multiplies.
  const tolerance = (result: number): number =>
    backend === 'node' ? 1.5e-6 : 2e-9 + 2 ** -24 * Math.abs(result);

  it('is x · cdf(x) from -8 to 8', () => {
    const y = evaluate(gelu, [{ shape: [4001], values: grid }]);
    grid.forEach((x, i) => {
      const expected = reference.gelu(x);
      expect(Math.abs(y[i]! - expected), `at ${x}`).toBeLessThan(tolerance(expected));
    });
  });

  it('has the derivative cdf(x) + x · pdf(x)', () => {
    const dy = values('dy', [4001]);
    const [dx] = taped(gelu, [{ shape: [4001], values: grid }], dy);
    grid.forEach((x, i) => {
      const expected = dy[i]! * reference.geluSlope(x);
      expect(Math.abs(dx![i]! - expected), `at ${x}`).toBeLessThan(tolerance(expected));
    });
  });

  it('agrees with central differences', () => {
    checkGradient(gelu, [input('x', [3, 5, 1, 7], 3)], 0.02, 1e-3);
  });

  it('keeps its limits: huge values, zero, infinity, not-a-number', () => {
    const x = Float32Array.from([-1e30, -40, 0, 40, 1e30, Infinity, NaN]);
    const y = evaluate(gelu, [{ shape: [7], values: x }]);
    expect(relativeError(y.subarray(0, 4), [0, 0, 0, 40])).toBe(0);
    expect(y[4]).toBe(Math.fround(1e30));
    expect(y[5]).toBe(Infinity);
    expect(y[6]).toBeNaN();
  });

  it('keeps the shape, scalars included', () => {
    expect(tf.tidy(() => gelu(tf.scalar(1)).shape)).toEqual([]);
    expect(tf.tidy(() => gelu(tf.ones([2, 1, 3])).shape)).toEqual([2, 1, 3]);
  });

  it('leaves no tensors behind', async () => {
    const x = tf.ones([4, 4]);
    expect(
      await leaked(() => {
        gelu(x).dispose();
        tf.dispose(tf.grad((t: tf.Tensor) => gelu(t))(x));
      }),
    ).toBe(0);
    x.dispose();
  });
});
