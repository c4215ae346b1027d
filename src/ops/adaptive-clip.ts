import * as tf from '@tensorflow/tfjs';
import { registerOpKernel, runKernel } from './register.js';

const ADAPTIVE_CLIP = 'RecNextAdaptiveClip';

/** Smallest norms that are reckoned with: zero weights can still learn, and nothing is divided by 0. */
export const MIN_WEIGHT_NORM = 1e-3;
export const MIN_GRADIENT_NORM = 1e-6;

export interface AdaptiveClipAttrs {
  /** Largest ratio of a unit's gradient norm to its weight norm. */
  readonly factor: number;
  /**
   * How units lie in a parameter: it is `[rows, groups, inner, units]`, and the norm of one of groups × units output units runs over rows and inner.
   */
  readonly groups: number;
  readonly inner: number;
  readonly units: number;
}

/**
 * Adaptive gradient clipping (Brock et al. 2021, section 4.1): the gradient of an output unit is scaled down so that its norm is at most
 * `factor` × max(norm of the unit's weights, 1e-3). One kernel, so that an engine can do it in one operation.
 *
 * @returns the gradient, clipped, of its shape
 */
export function adaptiveClip<T extends tf.Tensor>(
  gradient: T,
  parameter: tf.Tensor,
  attrs: AdaptiveClipAttrs,
): T {
  return runKernel<T>(ADAPTIVE_CLIP, { gradient, parameter }, { ...attrs });
}

const portable: tf.KernelFunc = ({ inputs, attrs }) => {
  const { gradient, parameter } = inputs as unknown as Record<'gradient' | 'parameter', tf.Tensor>;
  const { factor, groups, inner, units } = attrs as unknown as AdaptiveClipAttrs;
  return tf.tidy(() => {
    const squares = (x: tf.Tensor) => x.reshape([-1, groups, inner, units]).square().sum([0, 2], true);
    // Ratio of squares: one square root instead of two.
    const largest = squares(parameter)
      .maximum(MIN_WEIGHT_NORM ** 2)
      .mul(factor ** 2);
    const scale = largest
      .div(squares(gradient).maximum(MIN_GRADIENT_NORM ** 2))
      .sqrt()
      .minimum(1);
    return gradient.reshape([-1, groups, inner, units]).mul(scale).reshape(gradient.shape);
  });
};

export function registerAdaptiveClip(): void {
  registerOpKernel({ name: ADAPTIVE_CLIP, portable });
}
