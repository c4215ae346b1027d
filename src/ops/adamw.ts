import * as tf from '@tensorflow/tfjs';
import { registerOpKernel, runKernel } from './register.js';

/** Inputs parameter, mean, square, gradient, keep, rate, eps; attributes beta1, beta2, decay. Outputs: the first three after the step. */
const ADAMW = 'RecNextAdamW';

export interface AdamWInputs {
  readonly parameter: tf.Tensor;
  /** First and second moment, the shape of the parameter. */
  readonly mean: tf.Tensor;
  readonly square: tf.Tensor;
  readonly gradient: tf.Tensor;
  /** Scalar: what is left of a decaying parameter, 1 - lr × weight decay. */
  readonly keep: tf.Scalar;
  /** Scalar: lr √(1 - β2^t) / (1 - β1^t). */
  readonly rate: tf.Scalar;
  /** Scalar: eps √(1 - β2^t). */
  readonly eps: tf.Scalar;
}

export interface AdamWAttrs {
  readonly beta1: number;
  readonly beta2: number;
  /** Whether `keep` applies. */
  readonly decay: boolean;
}

/**
 * One update of AdamW (Loshchilov & Hutter 2019) with the bias corrections worked into `rate` and `eps`. One kernel, so that an engine that has the
 * whole update as one operation can be given it.
 *
 * @returns parameter, mean and square after the step
 */
export function adamW(inputs: AdamWInputs, attrs: AdamWAttrs): [tf.Tensor, tf.Tensor, tf.Tensor] {
  return runKernel<tf.Tensor[]>(ADAMW, { ...inputs }, { ...attrs }) as [tf.Tensor, tf.Tensor, tf.Tensor];
}

const portableAdamW: tf.KernelFunc = ({ inputs, attrs }) => {
  const { parameter, mean, square, gradient, keep, rate, eps } = inputs as unknown as AdamWInputs;
  const { beta1, beta2, decay } = attrs as unknown as AdamWAttrs;
  return tf.tidy(() => {
    const newMean = mean.add(gradient.sub(mean).mul(1 - beta1));
    const newSquare = square.add(
      gradient
        .square()
        .sub(square)
        .mul(1 - beta2),
    );
    const change = newMean.div(newSquare.sqrt().add(eps)).mul(rate);
    const kept = decay ? parameter.mul(keep) : parameter;
    return [kept.sub(change), newMean, newSquare];
  });
};

export function registerAdamW(): void {
  registerOpKernel({ name: ADAMW, portable: portableAdamW });
}
