import type { Feature, WeightSpec } from './module-spec.js';

/** How far batch norms are folded away: not at all, as the reference's `replace_batchnorm` does, or all of them. */
export type FuseMode = 'none' | 'reference' | 'full';

export interface ConvShape {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
  readonly groups: number;
}

const ONES = { kind: 'constant', value: 1 } as const;
const ZEROS = { kind: 'constant', value: 0 } as const;

/** `weight` and, if asked for, `bias` of a convolution, initialised as PyTorch does: uniform in ±1/sqrt(fan in). */
export function convWeights(conv: ConvShape, bias: boolean, prefix = ''): WeightSpec[] {
  const { inChannels, outChannels, kernel, groups } = conv;
  const init = { kind: 'uniform', bound: 1 / Math.sqrt((inChannels / groups) * kernel * kernel) } as const;
  const shape = [outChannels, inChannels / groups, kernel, kernel];
  const weights: WeightSpec[] = [
    { name: `${prefix}weight`, shape, layout: 'conv', groups, init, trainable: true },
  ];
  if (bias) weights.push(vector(`${prefix}bias`, outChannels, init));
  return weights;
}

/** `weight` and `bias` of a classifier: truncated normal of 0.02, and zero (the reference's own initialisation). */
export function linearWeights(inFeatures: number, outFeatures: number, prefix = ''): WeightSpec[] {
  const init = { kind: 'truncatedNormal', std: 0.02 } as const;
  return [
    {
      name: `${prefix}weight`,
      shape: [outFeatures, inFeatures],
      layout: 'linear',
      groups: 1,
      init,
      trainable: true,
    },
    vector(`${prefix}bias`, outFeatures, ZEROS),
  ];
}

/** The five entries a batch norm has in a state_dict. */
export function batchNormWeights(channels: number, prefix = ''): WeightSpec[] {
  return [
    vector(`${prefix}weight`, channels, ONES),
    vector(`${prefix}bias`, channels, ZEROS),
    { ...vector(`${prefix}running_mean`, channels, ZEROS), trainable: false },
    { ...vector(`${prefix}running_var`, channels, ONES), trainable: false },
    {
      name: `${prefix}num_batches_tracked`,
      shape: [],
      layout: 'counter',
      groups: 1,
      init: ZEROS,
      trainable: false,
    },
  ];
}

function vector(name: string, size: number, init: WeightSpec['init']): WeightSpec {
  return { name, shape: [size], layout: 'vector', groups: 1, init, trainable: true };
}

/** Output of a convolution padded by floor(k/2) on every side. */
export function convFeature(conv: ConvShape, input: Feature): Feature {
  const out = (n: number) => Math.floor((n + 2 * (conv.kernel >> 1) - conv.kernel) / conv.stride) + 1;
  return {
    height: out(input.height),
    width: out(input.width),
    channels: conv.outChannels,
    stride: input.stride * conv.stride,
    field: input.field + (conv.kernel - 1) * input.stride,
  };
}

/** Multiply-accumulates of a convolution, from its output. */
export function convMacs(conv: ConvShape, output: Feature): number {
  return elements(output) * (conv.inChannels / conv.groups) * conv.kernel * conv.kernel;
}

/** Operations fvcore counts for a batch norm that was not folded: five an element (the model left in training mode). */
export function batchNormMacs(input: Feature): number {
  return 5 * elements(input);
}

export function elements(feature: Feature): number {
  return feature.height * feature.width * feature.channels;
}

/** The sum of two branches: shape of the first, the larger receptive field. */
export function merge(a: Feature, b: Feature): Feature {
  return { ...a, field: Math.max(a.field, b.field) };
}
