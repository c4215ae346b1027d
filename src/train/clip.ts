import * as tf from '@tensorflow/tfjs';
import type { ParameterSpec } from '../models/image-model.js';

export interface Clip {
  readonly mode: 'agc' | 'norm' | 'value';
  /** agc: largest ratio of gradient to weight norm; norm: largest norm of all gradients; value: largest magnitude. */
  readonly factor: number;
}

/** Smallest norm of a weight that adaptive clipping reckons with, so that zero weights can still learn. */
const MIN_WEIGHT_NORM = 1e-3;
const MIN_GRADIENT_NORM = 1e-6;

/**
 * Clips gradients as timm's `dispatch_clip_grad` does. Returns new tensors under the same names; the caller owns them
 * and the ones it gave.
 *
 * @param parameters and `gradients`: in TF.js layout, as `specs` describes them
 */
export function clipGradients(
  gradients: tf.NamedTensorMap,
  parameters: ReadonlyMap<string, tf.Variable>,
  specs: ReadonlyMap<string, ParameterSpec>,
  { mode, factor }: Clip,
): tf.NamedTensorMap {
  switch (mode) {
    case 'agc':
      return mapTensors(gradients, (gradient, name) =>
        adaptiveClip(gradient, parameters.get(name)!, specs.get(name)!, factor),
      );
    case 'norm':
      return clipByGlobalNorm(gradients, factor);
    case 'value':
      return mapTensors(gradients, (gradient) => tf.clipByValue(gradient, -factor, factor));
  }
}

/**
 * Adaptive gradient clipping (Brock et al. 2021, section 4.1): the gradient of an output unit is scaled down so that its norm is at most
 * `factor` × max(norm of the unit's weights, 1e-3). A unit is one output channel or feature; a vector is one unit.
 */
export function adaptiveClip(
  gradient: tf.Tensor,
  parameter: tf.Tensor,
  spec: ParameterSpec,
  factor: number,
): tf.Tensor {
  return tf.tidy(() => {
    const { shape, axes } = unitAxes(spec, gradient.shape);
    const squares = (x: tf.Tensor) => x.reshape(shape).square().sum(axes, true);
    // Ratio of squares: one square root instead of two.
    const largest = squares(parameter)
      .maximum(MIN_WEIGHT_NORM ** 2)
      .mul(factor ** 2);
    const scale = largest
      .div(squares(gradient).maximum(MIN_GRADIENT_NORM ** 2))
      .sqrt()
      .minimum(1);
    return gradient.reshape(shape).mul(scale).reshape(gradient.shape);
  });
}

/** The view of a stored parameter, and its axes, over which the norm of one output unit runs. */
function unitAxes(spec: ParameterSpec, stored: number[]): { shape: number[]; axes: number[] } {
  if (spec.layout === 'vector') return { shape: stored, axes: stored.map((_, axis) => axis) };
  if (spec.layout === 'linear') return { shape: stored, axes: [0] };
  const [height, width, inputs, outputsOfGroup] = stored as [number, number, number, number];
  if (spec.groups === 1) return { shape: stored, axes: [0, 1, 2] };
  if (spec.groups === inputs) return { shape: stored, axes: [0, 1] };
  return { shape: [height, width, spec.groups, inputs / spec.groups, outputsOfGroup], axes: [0, 1, 3] };
}

/** As `torch.nn.utils.clip_grad_norm_`: all gradients × min(1, limit / (norm of all + 1e-6)). */
function clipByGlobalNorm(gradients: tf.NamedTensorMap, limit: number): tf.NamedTensorMap {
  const scale = tf.tidy(() => {
    const squares = Object.values(gradients).map((gradient) => gradient.square().sum());
    return tf.scalar(limit).div(tf.addN(squares).sqrt().add(1e-6)).minimum(1);
  });
  const clipped = mapTensors(gradients, (gradient) => gradient.mul(scale));
  scale.dispose();
  return clipped;
}

function mapTensors(
  tensors: tf.NamedTensorMap,
  map: (tensor: tf.Tensor, name: string) => tf.Tensor,
): tf.NamedTensorMap {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, map(tensor, name)]));
}
