import type { ModuleSpec } from './module-spec.js';
import {
  batchNormMacs,
  batchNormWeights,
  convFeature,
  convMacs,
  convWeights,
  type ConvShape,
} from './primitives.js';

export interface ConvNormArgs extends ConvShape {
  /** A bias in the convolution before the batch norm (T, S and B). Default false. */
  readonly bias?: boolean;
  /** Batch norm folded into the convolution. Default false. */
  readonly fused?: boolean;
  /** What the checkpoint calls the batch norm. Default `norm`; RegNetY has `bn`. */
  readonly normName?: 'norm' | 'bn';
  /** Applied to the output. Default none. */
  readonly activation?: 'relu';
}

/** Convolution padded by floor(k/2), then batch norm: `conv.*`, `norm.*`; fused: `weight`, `bias`. */
export function convNorm(args: ConvNormArgs): ModuleSpec {
  const { fused = false, bias = false, normName = 'norm' } = args;
  return {
    type: 'ConvNorm',
    args,
    weights: fused
      ? convWeights(args, true)
      : [...convWeights(args, bias, 'conv.'), ...batchNormWeights(args.outChannels, `${normName}.`)],
    children: [],
    cost(input, report) {
      const output = convFeature(args, input);
      report.add('conv', convMacs(args, output));
      if (!fused) report.add('batch_norm', batchNormMacs(output));
      return output;
    },
  };
}

/** A 1x1 ConvNorm. */
export function pointwise(
  inChannels: number,
  outChannels: number,
  bias: boolean,
  fused: boolean,
): ModuleSpec {
  return convNorm({ inChannels, outChannels, kernel: 1, stride: 1, groups: 1, bias, fused });
}

/** A depthwise ConvNorm. */
export function depthwise(
  channels: number,
  kernel: number,
  stride: number,
  bias: boolean,
  fused: boolean,
): ModuleSpec {
  return convNorm({
    inChannels: channels,
    outChannels: channels,
    kernel,
    stride,
    groups: channels,
    bias,
    fused,
  });
}
