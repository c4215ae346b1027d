import { convNorm, type ConvNormArgs } from './conv-norm.js';
import { childCost, type ModuleSpec, type WeightInit, type WeightSpec } from './module-spec.js';
import { convWeights, linearWeights, merge } from './primitives.js';

export interface SqueezeExciteArgs {
  readonly channels: number;
  readonly reduced: number;
}

/** Channel gate from the global mean: 1x1 convolution `fc1`, ReLU, 1x1 convolution `fc2`, sigmoid (both with bias). */
export function squeezeExcite(args: SqueezeExciteArgs): ModuleSpec {
  const { channels, reduced } = args;
  const conv = { kernel: 1, stride: 1, groups: 1 };
  return {
    type: 'SqueezeExcite',
    args,
    weights: [
      ...kaiming(convWeights({ ...conv, inChannels: channels, outChannels: reduced }, true, 'fc1.')),
      ...kaiming(convWeights({ ...conv, inChannels: reduced, outChannels: channels }, true, 'fc2.')),
    ],
    children: [],
    cost(input, report) {
      report.add('conv', 2 * channels * reduced);
      return { ...input, field: Infinity };
    },
  };
}

export interface RegNetBlockArgs {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: number;
  readonly groupWidth: number;
  readonly fused: boolean;
}

/**
 * RegNetY's block (arXiv 2003.13678): 1x1, grouped 3x3 with the stride, squeeze-excite, 1x1, each convolution with batch
 * norm, ReLU after the first two and after the sum with the input (through a strided 1x1 where shapes change).
 */
export function regNetBlock(args: RegNetBlockArgs): ModuleSpec {
  const { inChannels, outChannels, stride, groupWidth, fused } = args;
  const conv = (from: number, kernel: number, by: number, groups: number, activation?: 'relu'): ModuleSpec =>
    bnConv({ inChannels: from, outChannels, kernel, stride: by, groups, activation, fused });
  const spec: ModuleSpec = {
    type: 'RegNetBlock',
    args,
    weights: [],
    children: [
      ['conv1', conv(inChannels, 1, 1, 1, 'relu')],
      ['conv2', conv(outChannels, 3, stride, outChannels / groupWidth, 'relu')],
      ['se', squeezeExcite({ channels: outChannels, reduced: Math.round(inChannels / 4) })],
      ['conv3', zeroLastGamma(conv(outChannels, 1, 1, 1))],
      ...(stride !== 1 || inChannels !== outChannels
        ? [['downsample', conv(inChannels, 1, stride, 1)] as const]
        : []),
    ],
    cost(input, report) {
      const branch = ['conv1', 'conv2', 'se', 'conv3'].reduce(
        (feature, name) => childCost(spec, name, feature, report),
        input,
      );
      const projects = spec.children.some(([name]) => name === 'downsample');
      return merge(branch, projects ? childCost(spec, 'downsample', input, report) : input);
    },
  };
  return spec;
}

/** ConvNorm under RegNetY's names and initialisation. */
export function bnConv(args: Omit<ConvNormArgs, 'normName'>): ModuleSpec {
  const spec = convNorm({ ...args, normName: 'bn' });
  return { ...spec, weights: kaiming(spec.weights) };
}

export interface FcHeadArgs {
  readonly inFeatures: number;
  readonly numClasses: number;
}

/** Global mean, then a linear layer: `fc.weight`, `fc.bias`. */
export function fcHead(args: FcHeadArgs): ModuleSpec {
  const { inFeatures, numClasses } = args;
  return {
    type: 'FcHead',
    args,
    weights: numClasses === 0 ? [] : linearWeights(inFeatures, numClasses, 'fc.'),
    children: [],
    cost(input, report) {
      if (numClasses > 0) report.add('linear', inFeatures * numClasses);
      return { ...input, height: 1, width: 1, channels: numClasses || inFeatures, field: Infinity };
    },
  };
}

/** timm's initialisation of RegNet convolutions: normal with variance 2 / fan out, bias zero. */
function kaiming(weights: readonly WeightSpec[]): WeightSpec[] {
  return weights.map((weight) => {
    const [out, , height, width] = weight.shape as readonly [number, number, number, number];
    const normal: WeightInit = {
      kind: 'truncatedNormal',
      std: Math.sqrt((2 * weight.groups) / (height * width * out)),
    };
    if (weight.layout === 'conv') return { ...weight, init: normal };
    return weight.init.kind === 'uniform' ? { ...weight, init: { kind: 'constant', value: 0 } } : weight;
  });
}

/** Blocks begin as the identity: the last batch norm's gain is zero. */
function zeroLastGamma(spec: ModuleSpec): ModuleSpec {
  return {
    ...spec,
    weights: spec.weights.map((w) =>
      w.name === 'bn.weight' ? { ...w, init: { kind: 'constant', value: 0 } } : w,
    ),
  };
}

export interface RegNetStageArgs {
  readonly blocks: readonly RegNetBlockArgs[];
}

/** `b1`, `b2`, … in order. */
export function regNetStage(args: RegNetStageArgs): ModuleSpec {
  const spec: ModuleSpec = {
    type: 'RegNetStage',
    args,
    weights: [],
    children: args.blocks.map((block, i) => [`b${i + 1}`, regNetBlock(block)]),
    cost: (input, report) =>
      spec.children.reduce((feature, [name]) => childCost(spec, name, feature, report), input),
  };
  return spec;
}
