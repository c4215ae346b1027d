import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors.js';
import type { RecNext, RegNet } from '../models/index.js';
import { builtFrom, loadModel } from './load-weights.js';
import type { ReadModel } from './read-model.js';

export interface Difference {
  readonly abs: number;
  /** Relative to the largest logit. */
  readonly rel: number;
}

/** Beyond rounding: something is wrong, and nothing is written. */
const LIMIT = 1e-3;
const SEED = 1;

/** Logits of the weights that were read, on a random image. */
export function referenceLogits(read: ReadModel): Float32Array {
  const model = builtFrom(read);
  const logits = logitsOf(model);
  model.dispose();
  return logits;
}

/**
 * How far the model written to `folder` is from the one that was read.
 *
 * @param exact false: its weights were stored in fewer bytes, so that any finite difference may be
 * @throws UserError if the difference is beyond rounding
 */
export async function compareWithWritten(
  name: string,
  expected: Float32Array,
  folder: string,
  exact: boolean,
): Promise<Difference> {
  const { model } = await loadModel({ weights: folder });
  const found = logitsOf(model);
  model.dispose();
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const abs = expected.reduce((max, value, i) => Math.max(max, Math.abs(value - found[i]!)), 0);
  const rel = largest === 0 ? abs : abs / largest;
  if (!(rel <= (exact ? LIMIT : Infinity)) || !Number.isFinite(rel)) {
    throw new UserError(
      `${name}: the written model differs from the one read by ${abs} (largest logit ${largest}); nothing was written. Are there NaN or Inf among the weights?`,
    );
  }
  return { abs, rel };
}

function logitsOf(model: RecNext | RegNet): Float32Array {
  const [channels, height, width] = model.dataConfig.inputSize;
  return tf.tidy(() => {
    const image = tf.randomNormal<tf.Rank.R4>([1, height, width, channels], 0, 1, 'float32', SEED);
    return model.forward(image).dataSync<'float32'>();
  });
}
