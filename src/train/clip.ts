import * as tf from '@tensorflow/tfjs';
import type { ParameterSpec } from '../models/image-model.js';
import { adaptiveClip, type AdaptiveClipAttrs } from '../ops/index.js';

export interface Clip {
  readonly mode: 'agc' | 'norm' | 'value';
  /** agc: largest ratio of gradient to weight norm; norm: largest norm of all gradients; value: largest magnitude. */
  readonly factor: number;
}

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
        clipUnits(gradient, parameters.get(name)!, specs.get(name)!, factor),
      );
    case 'norm':
      return clipByGlobalNorm(gradients, factor);
    case 'value':
      return mapTensors(gradients, (gradient) => tf.clipByValue(gradient, -factor, factor));
  }
}

/** Adaptive clipping; a unit is one output channel or feature, a vector is one unit. */
function clipUnits(
  gradient: tf.Tensor,
  parameter: tf.Tensor,
  spec: ParameterSpec,
  factor: number,
): tf.Tensor {
  return adaptiveClip(gradient, parameter, { factor, ...unitsOf(spec, gradient.shape) });
}

/** Where the output units of a stored parameter lie. */
function unitsOf(spec: ParameterSpec, stored: number[]): Omit<AdaptiveClipAttrs, 'factor'> {
  const whole = { groups: 1, inner: 1 };
  if (spec.layout === 'vector') return { ...whole, units: 1 };
  if (spec.layout === 'linear') return { ...whole, units: stored[1]! };
  const [, , inputs, outputsOfGroup] = stored as [number, number, number, number];
  if (spec.groups === 1) return { ...whole, units: outputsOfGroup };
  if (spec.groups === inputs) return { ...whole, units: inputs * outputsOfGroup };
  return { groups: spec.groups, inner: inputs / spec.groups, units: outputsOfGroup };
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
