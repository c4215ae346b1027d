import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors.js';
import { computeOnArrays } from './array-backend.js';
import { batchNormArray, batchNormGradArray } from './batch-norm-arrays.js';
import { nativeBatchNorm, nativeBatchNormGrad } from './batch-norm-node.js';
import { registerGradientOnce, registerOpKernel, runKernel } from './register.js';

/**
 * Inputs x, gamma, beta; attribute epsilon. Outputs: the normalised x, the mean, the unbiased variance, then what this
 * backend's gradient kernel takes back as inputs reserve0, reserve1, … (portable: 1/√(variance + epsilon)).
 */
const BATCH_NORM = 'RecNextBatchNormTraining';
/** Inputs dy, x, gamma, mean, reserve0, …; attribute epsilon. Outputs dx, dgamma, dbeta. */
const BATCH_NORM_GRAD = 'RecNextBatchNormTrainingGrad';

export interface BatchNormResult<T extends tf.Tensor> {
  /** `(x - mean) / √(biased variance + epsilon) · gamma + beta`, the shape of x. */
  output: T;
  /** Mean of each channel, [c]. No gradient flows through it. */
  mean: tf.Tensor1D;
  /** Unbiased variance (n / (n - 1)) of each channel, [c], as PyTorch's running statistics take it. No gradient. */
  variance: tf.Tensor1D;
}

/**
 * Batch normalisation with the batch's own statistics, over all axes but the last (PyTorch's `BatchNorm1d/2d` in training).
 *
 * @param x [n, c] or [n, h, w, c]
 * @param gamma scale, [c]
 * @param beta shift, [c]
 * @param epsilon added to the variance before the root
 * @throws UserError when a channel has only one value, whose variance means nothing
 */
export function batchNormTraining<T extends tf.Tensor>(
  x: T,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  epsilon: number,
): BatchNormResult<T> {
  check(x, gamma, beta);
  const [output, mean, variance, ...reserve] = runKernel<tf.Tensor[]>(
    BATCH_NORM,
    { x, gamma, beta },
    { epsilon },
  );
  // The tape keeps its own references.
  tf.dispose(reserve);
  return {
    output: output as T,
    mean: mean as tf.Tensor1D,
    variance: variance as tf.Tensor1D,
  };
}

function check(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor): void {
  const shape = `[${x.shape.join(', ')}]`;
  if (x.rank !== 2 && x.rank !== 4)
    throw new UserError(`Batch norm takes a tensor [n, c] or [n, h, w, c], got one of shape ${shape}.`);
  const channels = x.shape[x.rank - 1]!;
  for (const [name, t] of Object.entries({ gamma, beta }))
    if (t.size !== channels || t.rank !== 1)
      throw new UserError(
        `Batch norm over ${channels} channels (x: ${shape}) needs ${name} of shape [${channels}], got [${t.shape.join(', ')}].`,
      );
  if (x.size / channels < 2)
    throw new UserError(
      `Batch norm in training needs more than one value for each channel, got a tensor of shape ${shape}: use a larger batch.`,
    );
}

const portableBatchNorm: tf.KernelFunc = ({ inputs, attrs }) => {
  const { x, gamma, beta } = inputs as Record<string, tf.Tensor>;
  const { epsilon } = attrs as { epsilon: number };
  const axes = statisticsAxes(x!);
  const n = x!.size / gamma!.size;
  return tf.tidy(() => {
    const mean = tf.mean(x!, axes);
    const centred = tf.sub(x!, mean);
    const variance = tf.mean(tf.square(centred), axes);
    const inverseDeviation = tf.rsqrt(tf.add(variance, epsilon));
    const output = tf.add(tf.mul(centred, tf.mul(inverseDeviation, gamma!)), beta!);
    return [output, mean, tf.mul(variance, n / (n - 1)), inverseDeviation];
  });
};

const portableBatchNormGrad: tf.KernelFunc = ({ inputs }) => {
  const { dy, x, gamma, mean, reserve0: inverseDeviation } = inputs as Record<string, tf.Tensor>;
  const axes = statisticsAxes(x!);
  const n = x!.size / gamma!.size;
  return tf.tidy(() => {
    const normalised = tf.mul(tf.sub(x!, mean!), inverseDeviation!);
    const dbeta = tf.sum(dy!, axes);
    const dgamma = tf.sum(tf.mul(dy!, normalised), axes);
    const centredDy = tf.sub(dy!, tf.add(tf.mul(normalised, tf.div(dgamma, n)), tf.div(dbeta, n)));
    return [tf.mul(centredDy, tf.mul(gamma!, inverseDeviation!)), dgamma, dbeta];
  });
};

function statisticsAxes(x: tf.Tensor): number[] {
  return x.rank === 2 ? [0] : [0, 1, 2];
}

const arrayBatchNorm: tf.KernelFunc = ({ inputs, attrs, backend }) => {
  const { x, gamma, beta } = inputs as Record<string, tf.TensorInfo>;
  const { epsilon } = attrs as { epsilon: number };
  const channels = gamma!.shape;
  return computeOnArrays(
    backend,
    [x!, gamma!, beta!],
    [x!.shape, channels, channels, channels],
    ([xs, gammas, betas], [output, mean, variance, inverseDeviation]) =>
      batchNormArray(
        { x: xs!, gamma: gammas!, beta: betas!, epsilon },
        { output: output!, mean: mean!, variance: variance!, inverseDeviation: inverseDeviation! },
      ),
  );
};

const arrayBatchNormGrad: tf.KernelFunc = ({ inputs, backend }) => {
  const { dy, x, gamma, mean, reserve0 } = inputs as Record<string, tf.TensorInfo>;
  const channels = gamma!.shape;
  return computeOnArrays(
    backend,
    [dy!, x!, gamma!, mean!, reserve0!],
    [x!.shape, channels, channels],
    ([dys, xs, gammas, means, inverseDeviation], [dx, dgamma, dbeta]) =>
      batchNormGradArray(
        { dy: dys!, x: xs!, gamma: gammas!, mean: means!, inverseDeviation: inverseDeviation! },
        { dx: dx!, dgamma: dgamma!, dbeta: dbeta! },
      ),
  );
};

export function registerBatchNorm(): void {
  registerOpKernel({
    name: BATCH_NORM,
    portable: portableBatchNorm,
    special: { cpu: arrayBatchNorm, wasm: arrayBatchNorm, tensorflow: nativeBatchNorm },
  });
  registerOpKernel({
    name: BATCH_NORM_GRAD,
    portable: portableBatchNormGrad,
    special: { cpu: arrayBatchNormGrad, wasm: arrayBatchNormGrad, tensorflow: nativeBatchNormGrad },
  });
  registerGradientOnce({
    kernelName: BATCH_NORM,
    inputsToSave: ['x', 'gamma'],
    outputsToSave: [false, true, false, true, true, true],
    gradFunc: (dys, [x, gamma, mean, ...reserve], attrs) => {
      const inputs: Record<string, tf.Tensor> = {
        dy: (dys as tf.Tensor[])[0]!,
        x: x!,
        gamma: gamma!,
        mean: mean!,
      };
      reserve.forEach((tensor, i) => (inputs[`reserve${i}`] = tensor));
      // At once, not in the three functions below: the tape runs each of those in a scope of its own.
      const [dx, dgamma, dbeta] = runKernel<tf.Tensor[]>(BATCH_NORM_GRAD, inputs, {
        epsilon: (attrs as { epsilon: number }).epsilon,
      });
      return { x: () => dx!, gamma: () => dgamma!, beta: () => dbeta! };
    },
  });
}
