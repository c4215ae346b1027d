import * as tf from '@tensorflow/tfjs';
import { batchNormTraining } from '../ops/index.js';
import type { ForwardContext } from './forward-context.js';

const EPSILON = 1e-5;
/** PyTorch's momentum: the share of the batch's statistics in the running ones. */
const MOMENTUM = 0.1;

/** The weights of one batch norm. */
export interface BatchNormState {
  /** As the checkpoint names the batch norm. */
  readonly path: string;
  readonly gamma: tf.Tensor1D;
  readonly beta: tf.Tensor1D;
  readonly runningMean: tf.LayerVariable;
  readonly runningVariance: tf.LayerVariable;
}

/**
 * Batch norm over the last axis as PyTorch computes it. In training it normalises with the batch's statistics (biased
 * variance) and moves the running ones (unbiased variance) by a tenth towards them.
 */
export function normalise<T extends tf.Tensor2D | tf.Tensor4D>(
  x: T,
  state: BatchNormState,
  context: ForwardContext,
): T {
  const { gamma, beta, runningMean, runningVariance } = state;
  if (!context.training || isFrozen(state, context)) {
    const mean = runningMean.read() as tf.Tensor1D;
    return tf.batchNorm(x, mean, runningVariance.read() as tf.Tensor1D, beta, gamma, EPSILON) as T;
  }
  const { output, mean, variance } = batchNormTraining(x, gamma, beta, EPSILON);
  moveTowards(runningMean, mean);
  moveTowards(runningVariance, variance);
  return output as T;
}

function isFrozen({ path }: BatchNormState, { freezeBatchNorm = false }: ForwardContext): boolean {
  return typeof freezeBatchNorm === 'function' ? freezeBatchNorm(path) : freezeBatchNorm;
}

function moveTowards(running: tf.LayerVariable, batch: tf.Tensor): void {
  running.write(tf.add(tf.mul(running.read(), 1 - MOMENTUM), tf.mul(batch, MOMENTUM)));
}
