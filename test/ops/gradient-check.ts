import * as tf from '@tensorflow/tfjs';
import { expect } from 'vitest';
import { uniform } from '../helpers/synthetic.js';

/** Float32 values in [-scale, scale), the same on every run. */
export function values(key: string, shape: readonly number[], scale = 1): Float32Array {
  const n = shape.reduce((a, b) => a * b, 1);
  return Float32Array.from(uniform(key, n), (u) => scale * u);
}

export interface Input {
  shape: number[];
  values: Float32Array;
}

/** A random input of the given shape. */
export function input(key: string, shape: number[], scale = 1): Input {
  return { shape, values: values(key, shape, scale) };
}

type Operation = (...inputs: tf.Tensor[]) => tf.Tensor;

/** The gradient of Σ r · f(inputs) for every input, r being `projection`; what TF.js' tape computes. */
export function taped(f: Operation, inputs: Input[], projection: Float32Array): Float32Array[] {
  return tf.tidy(() => {
    const tensors = inputs.map(({ values: v, shape }) => tf.tensor(v, shape));
    const loss = (...xs: tf.Tensor[]): tf.Scalar => {
      const y = f(...xs);
      return tf.sum(tf.mul(y, tf.tensor(projection, y.shape)));
    };
    return tf
      .grads(loss)(tensors)
      .map((g) => g.dataSync<'float32'>());
  });
}

/** f(inputs) as an array. */
export function evaluate(f: Operation, inputs: Input[]): Float32Array {
  return tf.tidy(() => f(...inputs.map((i) => tf.tensor(i.values, i.shape))).dataSync<'float32'>());
}

/** A random projection for the output of f(inputs). */
export function projectionFor(f: Operation, inputs: Input[]): Float32Array {
  return values('projection', [evaluate(f, inputs).length]);
}

/**
 * Compares the taped gradient of a random projection with central differences, at up to ten elements of every input.
 *
 * `step` is as large as the operation allows, since float32's rounding of the outputs, about 1e-7, is divided by it: 0.5 for
 * operations linear in each input, where central differences have no other error; 0.02 for smooth ones, where the rest of
 * the series adds about step² / 6 = 7e-5 times the third derivative. `tolerance` is relative to the largest element.
 */
export function checkGradient(f: Operation, inputs: Input[], step: number, tolerance: number): void {
  const projection = projectionFor(f, inputs);
  const analytic = taped(f, inputs, projection);
  const loss = (): number => {
    const y = evaluate(f, inputs);
    return y.reduce((sum, v, i) => sum + v * projection[i]!, 0);
  };
  inputs.forEach(({ values: v }, which) => {
    const gradient = analytic[which]!;
    const scale = gradient.reduce((m, g) => Math.max(m, Math.abs(g)), 1);
    const count = Math.min(10, v.length);
    for (let k = 0; k < count; k++) {
      const i = Math.floor((k * v.length) / count);
      const kept = v[i]!;
      v[i] = kept + step;
      const [high, above] = [v[i]!, loss()];
      v[i] = kept - step;
      const [low, below] = [v[i]!, loss()];
      v[i] = kept;
      const numeric = (above - below) / (high - low);
      expect(Math.abs(gradient[i]! - numeric) / scale, `input ${which}, element ${i}`).toBeLessThan(
        tolerance,
      );
    }
  });
}

/** Largest difference, as a share of the largest expected value (at least 1). */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let scale = 1;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i]!));
    // Math.max keeps a not-a-number, and no bound holds for it.
    worst = Math.max(worst, Math.abs(actual[i]! - expected[i]!));
  }
  return worst / scale;
}
