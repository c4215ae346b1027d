import { aBlock, mBlock, tBlock, type ABlockArgs, type MBlockArgs, type TBlockArgs } from './blocks.js';
import {
  downsample,
  groupedDownsample,
  type DownsampleArgs,
  type GroupedDownsampleArgs,
} from './downsample.js';
import { childCost, type ModuleSpec } from './module-spec.js';

export type StageArgs =
  | { readonly series: 'm'; readonly downsample?: DownsampleArgs; readonly blocks: readonly MBlockArgs[] }
  | { readonly series: 'a'; readonly downsample?: DownsampleArgs; readonly blocks: readonly ABlockArgs[] }
  | {
      readonly series: 't';
      readonly downsample?: GroupedDownsampleArgs;
      readonly blocks: readonly TBlockArgs[];
    };

/** `downsample`, if the stage has one, then `blocks.0 …`. */
export function stage(args: StageArgs): ModuleSpec {
  const spec: ModuleSpec = {
    type: 'RecNextStage',
    args,
    weights: [],
    children: [
      ...downsampleOf(args),
      ...blocksOf(args).map((block, i): [string, ModuleSpec] => [`blocks.${i}`, block]),
    ],
    cost: (input, report) =>
      spec.children.reduce((feature, [name]) => childCost(spec, name, feature, report), input),
  };
  return spec;
}

function downsampleOf(args: StageArgs): [string, ModuleSpec][] {
  if (args.downsample === undefined) return [];
  return [
    ['downsample', args.series === 't' ? groupedDownsample(args.downsample) : downsample(args.downsample)],
  ];
}

function blocksOf(args: StageArgs): ModuleSpec[] {
  if (args.series === 'm') return args.blocks.map(mBlock);
  return args.series === 'a' ? args.blocks.map(aBlock) : args.blocks.map(tBlock);
}
