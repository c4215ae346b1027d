import * as tf from '@tensorflow/tfjs';
import { philox4x32 } from '../data/random.js';
import { fnv1a32 } from '../fnv1a.js';

/** Where in a run a random choice is made. */
export interface StepAddress {
  readonly seed: number;
  readonly epoch: number;
  readonly step: number;
}

/**
 * Uniform numbers for the stochastic depth and dropout of one step, drawn from (seed, epoch, step, module): not from what was drawn before, so that a
 * resumed run draws what the uninterrupted one did.
 *
 * @returns the `uniform` of ForwardContext: `count` numbers in [0, 1) as `[count]`
 */
export function uniformAt(address: StepAddress): (path: string, count: number) => tf.Tensor1D {
  const numbers = uniformNumbersAt(address);
  return (path, count) => tf.tensor1d(numbers(path, count));
}

/** The same numbers on the host. */
export function uniformNumbersAt(address: StepAddress): (path: string, count: number) => Float32Array {
  const { seed, epoch, step } = address;
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32)];
  const words = new Uint32Array(4);
  return (path, count) => {
    const purpose = fnv1a32(path);
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      if (i % 4 === 0) philox4x32([i / 4, step, epoch, purpose], key, words);
      // 24 bits: what float32 holds exactly, so that no number rounds up to 1.
      values[i] = (words[i % 4]! >>> 8) / 2 ** 24;
    }
    return values;
  };
}
