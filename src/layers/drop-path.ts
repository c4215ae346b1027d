import * as tf from '@tensorflow/tfjs';
import type { ForwardContext } from './forward-context.js';

/**
 * Stochastic depth: in training drops the whole residual branch of a sample with probability `rate` and scales what is
 * kept by 1 / (1 - rate) (timm's `drop_path`).
 *
 * @param path module that owns the branch: names the random numbers
 */
export function dropPath<T extends tf.Tensor>(
  branch: T,
  rate: number,
  path: string,
  context: ForwardContext,
): T {
  if (rate === 0 || !context.training) return branch;
  const batch = branch.shape[0]!;
  const mask = keepMask(`${path}.drop_path`, batch, rate, context);
  return tf.mul(branch, mask.reshape([batch, ...branch.shape.slice(1).map(() => 1)]));
}

/** Drops single features in training with probability `rate` (PyTorch's Dropout). */
export function dropout<T extends tf.Tensor>(x: T, rate: number, path: string, context: ForwardContext): T {
  if (rate === 0 || !context.training) return x;
  return tf.mul(x, keepMask(`${path}.drop`, x.size, rate, context).reshape(x.shape));
}

function keepMask(path: string, count: number, rate: number, context: ForwardContext): tf.Tensor {
  const uniform = context.uniform ?? mathRandom;
  return tf.mul(tf.cast(tf.greaterEqual(uniform(path, count), rate), 'float32'), 1 / (1 - rate));
}

function mathRandom(_path: string, count: number): tf.Tensor1D {
  return tf.tensor1d(Float32Array.from({ length: count }, () => Math.random()));
}
