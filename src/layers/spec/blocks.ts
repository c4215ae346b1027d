import { batchNorm } from './batch-norm.js';
import { mlp } from './mlp.js';
import { childCost, type ModuleSpec } from './module-spec.js';
import { merge, type FuseMode } from './primitives.js';
import { recAttn2d } from './rec-attn2d.js';
import { recConv2d } from './rec-conv2d.js';
import { repVggDw, repVggDwFused } from './rep-vgg-dw.js';
import { splitMixer, type SplitMixerArgs } from './split-mixer.js';

interface BlockArgs {
  readonly channels: number;
  readonly hidden: number;
  /** Stochastic depth rate. */
  readonly dropPath: number;
  readonly fuse: FuseMode;
}

export interface MBlockArgs extends BlockArgs {
  readonly level: number;
}

/** x + drop_path(mlp(norm(recconv(x)))). Full fusion folds the norm into the 1x1 convolution behind it. */
export function mBlock(args: MBlockArgs): ModuleSpec {
  const { channels, hidden, level, fuse } = args;
  const spec: ModuleSpec = {
    type: 'MBlock',
    args,
    weights: [],
    children: [
      ['token_mixer', recConv2d({ channels, level })],
      ...(fuse === 'full' ? [] : [['norm', batchNorm({ channels })] as const]),
      ['channel_mixer', mlp({ channels, hidden, fused: fuse !== 'none' })],
    ],
    cost(input, report) {
      const mixed = childCost(spec, 'token_mixer', input, report);
      const y = fuse === 'full' ? mixed : childCost(spec, 'norm', mixed, report);
      return merge(input, childCost(spec, 'channel_mixer', y, report));
    },
  };
  return spec;
}

export interface ABlockArgs extends BlockArgs {
  readonly heads: number;
  readonly referenceOrder: 'kv-first' | 'qk-first';
}

/** x + drop_path(mlp(recattn(x))). */
export function aBlock(args: ABlockArgs): ModuleSpec {
  const { channels, hidden, heads, referenceOrder } = args;
  const fused = args.fuse !== 'none';
  const spec: ModuleSpec = {
    type: 'ABlock',
    args,
    weights: [],
    children: [
      ['token_mixer', recAttn2d({ channels, heads, referenceOrder, fused })],
      ['channel_mixer', mlp({ channels, hidden, fused })],
    ],
    cost: (input, report) =>
      merge(input, childCost(spec, 'channel_mixer', childCost(spec, 'token_mixer', input, report), report)),
  };
  return spec;
}

export interface TBlockArgs extends BlockArgs {
  readonly heads: number;
  readonly referenceOrder: 'kv-first' | 'qk-first';
  readonly mixer: SplitMixerArgs['mixer'];
}

/** x <- repvgg(x); x + drop_path(mlp(mixer(x))). */
export function tBlock(args: TBlockArgs): ModuleSpec {
  const { channels, hidden, heads, referenceOrder, mixer } = args;
  const fused = args.fuse !== 'none';
  const spec: ModuleSpec = {
    type: 'TBlock',
    args,
    weights: [],
    children: [
      ['rep_mixer', fused ? repVggDwFused({ channels }) : repVggDw({ channels })],
      ['token_mixer', splitMixer({ channels, heads, referenceOrder, mixer, fused })],
      ['channel_mixer', mlp({ channels, hidden, bias: true, fused })],
    ],
    cost(input, report) {
      const x = childCost(spec, 'rep_mixer', input, report);
      return merge(x, childCost(spec, 'channel_mixer', childCost(spec, 'token_mixer', x, report), report));
    },
  };
  return spec;
}
