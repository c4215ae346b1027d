import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors.js';
import type { RecNext, RegNet } from '../models/index.js';
import type { ImagesShape } from '../runtime/engines/engine.js';
import { builtFrom, loadModel } from './load-weights.js';
import type { ReadModel } from './read-model.js';
import { runExport, type Images, type RunnableTarget } from './run-export.js';

export interface Difference {
  readonly abs: number;
  /** Relative to the largest logit. */
  readonly rel: number;
}

/** Beyond rounding: something is wrong, and nothing is written. */
const LIMIT = 1e-3;
const SEED = 1;

/** What the weights that were read give for a random image. */
export interface Reference {
  readonly images: Images;
  readonly logits: Float32Array;
}

export function referenceLogits(read: ReadModel): Reference {
  const model = builtFrom(read);
  const [channels, height, width] = model.dataConfig.inputSize;
  const shape = [1, height, width, channels] as const;
  const images = { data: randomImage(shape), shape };
  const logits = logitsOf(model, images);
  model.dispose();
  return { images, logits };
}

/**
 * How far the model written to `folder` is from the one that was read.
 *
 * @param exact false: its weights were stored in fewer bytes, so that any finite difference may be
 * @throws UserError if the difference is beyond rounding
 */
export async function compareWithWritten(
  name: string,
  reference: Reference,
  folder: string,
  exact: boolean,
): Promise<Difference> {
  const { model } = await loadModel({ weights: folder });
  const found = logitsOf(model, reference.images);
  model.dispose();
  return difference(name, reference.logits, found, exact);
}

/** The same of a model that was exported for another runtime, run there. */
export async function compareWithExport(
  name: string,
  { images, logits }: Reference,
  folder: string,
  to: RunnableTarget,
  exact: boolean,
): Promise<Difference> {
  return difference(name, logits, await runExport(folder, to, images), exact);
}

function difference(name: string, expected: Float32Array, found: Float32Array, exact: boolean): Difference {
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

function randomImage(shape: ImagesShape): Float32Array {
  return tf.tidy(() => tf.randomNormal([...shape], 0, 1, 'float32', SEED).dataSync<'float32'>());
}

function logitsOf(model: RecNext | RegNet, { data, shape }: Images): Float32Array {
  return tf.tidy(() => model.forward(tf.tensor4d(data, [...shape])).dataSync<'float32'>());
}
