import type { ABlockArgs, MBlockArgs, TBlockArgs } from '../layers/spec/blocks.js';
import { head } from '../layers/spec/head.js';
import { childCost, type ModuleSpec } from '../layers/spec/module-spec.js';
import { stage, type StageArgs } from '../layers/spec/stage.js';
import { stem } from '../layers/spec/stem.js';
import type { RecNextConfig } from './recnext-config.js';

/** The whole model: `stem`, `stages.0 … stages.3`, `head`. Pure data and functions, no TF.js. */
export function recNextSpec(config: RecNextConfig): ModuleSpec {
  const { series, dims, depths, fuse, inChans } = config;
  const [dim] = dims as readonly [number];
  const spec: ModuleSpec = {
    type: 'RecNext',
    args: config,
    weights: [],
    children: [
      [
        'stem',
        stem({
          inChannels: inChans,
          widths: series === 't' ? [dim / 4, dim / 2, dim] : [dim / 2, dim],
          bias: series === 't',
          lastGelu: series === 't' && depths[0] === 0,
          fused: fuse !== 'none',
        }),
      ],
      ...dims.map((_, i): [string, ModuleSpec] => [`stages.${i}`, stage(stageArgs(config, i))]),
      [
        'head',
        head({
          inFeatures: dims.at(-1)!,
          numClasses: config.numClasses,
          dropRate: config.drop,
          fused: fuse !== 'none',
        }),
      ],
    ],
    cost: (input, report) =>
      spec.children.reduce((feature, [name]) => childCost(spec, name, feature, report), input),
  };
  return spec;
}

function stageArgs(config: RecNextConfig, index: number): StageArgs {
  const { series, dims, depths, fuse } = config;
  const channels = dims[index]!;
  const hidden = Math.floor(channels * config.mlpRatios[index]!);
  const blocks = Array.from({ length: depths[index]! }, (_, block) => ({
    channels,
    hidden,
    dropPath: dropPathRate(config, index, block),
    fuse,
  }));
  const downsample =
    index === 0
      ? undefined
      : {
          inChannels: dims[index - 1]!,
          outChannels: channels,
          hidden,
          fuse,
          dropPath: dropPathRate(config, index, 0),
        };
  if (series === 'm') {
    return {
      series,
      downsample,
      blocks: blocks.map((block): MBlockArgs => ({ ...block, level: 4 - index })),
    };
  }
  const heads = config.heads[index]!;
  if (series === 'a') {
    const referenceOrder = index === 3 ? 'qk-first' : 'kv-first';
    return {
      series,
      downsample,
      blocks: blocks.map((block): ABlockArgs => ({ ...block, heads, referenceOrder })),
    };
  }
  return {
    series,
    downsample,
    blocks: blocks.map((block, i): TBlockArgs => ({
      ...block,
      ...attentionOf(config, index, i),
      referenceOrder: index === 0 ? 'kv-first' : 'qk-first',
    })),
  };
}

/** What mixes tokens in a block of T, S or B. The last stage's attention without a convolution pair has half the heads. */
function attentionOf(
  config: RecNextConfig,
  index: number,
  block: number,
): Pick<TBlockArgs, 'mixer' | 'heads'> {
  const heads = config.heads[index]!;
  if (config.shareChannel) {
    if (index === 3 && block % 5 === 4) return { mixer: 'shared', heads: 1 };
    return { mixer: index < 2 ? 'recattn' : 'attention', heads: 1 };
  }
  return index < 3 ? { mixer: 'recattn', heads } : { mixer: 'attention', heads: Math.max(1, heads / 2) };
}

/** M and A: the same rate everywhere. T, S and B: linear from 0 at the first block to the full rate at the last. */
function dropPathRate({ series, depths, dropPath }: RecNextConfig, index: number, block: number): number {
  if (series !== 't') return dropPath;
  const total = depths.reduce((sum, depth) => sum + depth, 0);
  const before = depths.slice(0, index).reduce((sum, depth) => sum + depth, 0);
  return total > 1 ? (dropPath * (before + block)) / (total - 1) : 0;
}
