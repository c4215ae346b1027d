import { batchNorm } from './batch-norm.js';
import { convNorm } from './conv-norm.js';
import { conv2dSpec } from './conv2d.js';
import { mlp } from './mlp.js';
import { childCost, type ModuleSpec } from './module-spec.js';
import type { FuseMode } from './primitives.js';

export interface DownsampleArgs {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly hidden: number;
  readonly fuse: FuseMode;
}

/** M and A: 7x7 stride-2 depthwise convolution of multiplier 2 with bias, batch norm, then y + mlp(y). */
export function downsample(args: DownsampleArgs): ModuleSpec {
  const { inChannels, outChannels, hidden, fuse } = args;
  const spec: ModuleSpec = {
    type: 'Downsample',
    args,
    weights: [],
    children: [
      [
        'token_mixer',
        conv2dSpec({ inChannels, outChannels, kernel: 7, stride: 2, groups: inChannels, bias: true }),
      ],
      ...(fuse === 'full' ? [] : [['norm', batchNorm({ channels: outChannels })] as const]),
      ['channel_mixer', mlp({ channels: outChannels, hidden, fused: fuse !== 'none' })],
    ],
    cost(input, report) {
      const mixed = childCost(spec, 'token_mixer', input, report);
      const y = fuse === 'full' ? mixed : childCost(spec, 'norm', mixed, report);
      return childCost(spec, 'channel_mixer', y, report);
    },
  };
  return spec;
}

export interface GroupedDownsampleArgs extends DownsampleArgs {
  /** Stochastic depth rate of the residual branch. */
  readonly dropPath: number;
}

/** T, S and B: 5x5 stride-2 ConvNorm in gcd(in, out) groups, then y + drop_path(mlp(y)). */
export function groupedDownsample(args: GroupedDownsampleArgs): ModuleSpec {
  const { inChannels, outChannels, hidden } = args;
  const fused = args.fuse !== 'none';
  const groups = gcd(inChannels, outChannels);
  const spec: ModuleSpec = {
    type: 'GroupedDownsample',
    args,
    weights: [],
    children: [
      ['token_mixer', convNorm({ inChannels, outChannels, kernel: 5, stride: 2, groups, bias: true, fused })],
      ['channel_mixer', mlp({ channels: outChannels, hidden, bias: true, fused })],
    ],
    cost: (input, report) =>
      childCost(spec, 'channel_mixer', childCost(spec, 'token_mixer', input, report), report),
  };
  return spec;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
