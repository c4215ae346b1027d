import * as tf from '@tensorflow/tfjs';
import { registerOpKernel, runKernel } from './register.js';

const LERP = 'RecNextLerp';

/** value + (towards - value) × share, in one kernel; `share` is a scalar, the others are of one shape. */
export function lerp<T extends tf.Tensor>(value: T, towards: tf.Tensor, share: tf.Scalar): T {
  return runKernel<T>(LERP, { value, towards, share });
}

const portable: tf.KernelFunc = ({ inputs }) => {
  const { value, towards, share } = inputs as unknown as Record<'value' | 'towards' | 'share', tf.Tensor>;
  return tf.tidy(() => value.add(towards.sub(value).mul(share)));
};

export function registerLerp(): void {
  registerOpKernel({ name: LERP, portable });
}
