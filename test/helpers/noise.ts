import type { HostArray } from '../../src/runtime/tensorflow/index.js';

/** Numbers in -1 … 1 that look random and are the same every time. */
export function noise(shape: readonly number[], seed = 1): HostArray {
  let state = seed * 2654435761;
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[i] = state / 2 ** 31;
  }
  return { dtype: 'float32', shape, data };
}

/** Largest difference; NaN when there is one. */
export function largestDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return NaN;
  let worst = 0;
  for (let i = 0; i < found.length; i++) {
    const apart = Math.abs(found[i]! - expected[i]!);
    worst = apart <= worst ? worst : apart;
  }
  return worst;
}

export const largest = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Largest difference as a share of the largest value expected. */
export const difference = (found: ArrayLike<number>, expected: ArrayLike<number>): number =>
  largestDifference(found, expected) / (largest(expected) || 1);
