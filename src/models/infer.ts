import type { FuseMode } from '../layers/spec/primitives.js';
import type { RecNextOptions } from './recnext-config.js';
import type { HostTensor } from './state-dict.js';
import { REGNETS, VARIANTS, type Variant } from './variants.js';

/** What a set of named weights says about the model it belongs to. */
export interface InferredModel {
  /** Registry name: the variant these are the weights of, or, with other widths or depths, the one of its series to start from. */
  readonly name: string;
  readonly numClasses: number;
  readonly inChans: number;
  readonly fuse: FuseMode;
  /** Widths and depths where they are no published variant's. */
  readonly overrides: Pick<RecNextOptions, 'embedDim' | 'depth' | 'mlpRatio'>;
}

type Shapes = ReadonlyMap<string, Pick<HostTensor, 'shape'>>;

/** Finds model, classes, channels and form from names and shapes. Undefined: the weights of no model of this toolkit. */
export function inferModel(weights: Shapes): InferredModel | undefined {
  if (weights.has('s1.b1.conv2.conv.weight') || weights.has('s1.b1.conv2.weight'))
    return inferRegNet(weights);
  const stem = stemOf(weights);
  if (stem === undefined) return undefined;
  const names = [...weights.keys()];
  const series = seriesOf(names);
  if (series === undefined) return undefined;
  const { fused, inChans, lastWidth } = stem;
  const stages = [0, 1, 2, 3].map((i) => stageOf(weights, names, i));
  const dims = stages.map(({ dim }, i) => dim ?? (i === 0 ? lastWidth : 0));
  const depths = stages.map(({ depth }) => depth);
  const hidden = stages.map(({ hidden: h }, i) => h ?? 2 * dims[i]!);
  const shareChannel =
    series === 't' && names.some((name) => /^stages\.2\.blocks\.0\.token_mixer\.attn\.qk\./.test(name));
  const same = (v: Variant): boolean =>
    v.series === series &&
    v.shareChannel === shareChannel &&
    v.dims.join() === dims.join() &&
    v.depths.join() === depths.join() &&
    v.mlpRatios.every((ratio, i) => depths[i] === 0 || Math.floor(dims[i]! * ratio) === hidden[i]);
  const known = VARIANTS.find(same);
  const base = known ?? VARIANTS.find((v) => v.series === series && v.shareChannel === shareChannel)!;
  const normsLeft = names.some((name) => name.endsWith('norm.running_mean'));
  return {
    name: base.name,
    numClasses: classesOf(weights),
    inChans,
    fuse: !fused ? 'none' : normsLeft || series === 't' ? 'reference' : 'full',
    overrides:
      known === undefined
        ? { embedDim: dims, depth: depths, mlpRatio: hidden.map((h, i) => ratioFor(h, dims[i]!)) }
        : {},
  };
}

function stemOf(weights: Shapes): { fused: boolean; inChans: number; lastWidth: number } | undefined {
  for (const [fused, suffix] of [
    [false, '.conv.weight'],
    [true, '.weight'],
  ] as const) {
    const shapes = [4, 2, 0].map((i) => weights.get(`stem.stem.${i}${suffix}`)?.shape);
    const first = shapes[2];
    const last = shapes.find((shape) => shape !== undefined);
    if (first?.length === 4 && last !== undefined) return { fused, inChans: first[1]!, lastWidth: last[0]! };
  }
  return undefined;
}

function seriesOf(names: readonly string[]): 'm' | 'a' | 't' | undefined {
  if (names.some((name) => name.includes('.rep_mixer.'))) return 't';
  if (names.some((name) => name.endsWith('.token_mixer.convs.0.weight'))) return 'm';
  return names.some((name) => name.includes('.token_mixer.down.1.qk.')) ? 'a' : undefined;
}

function stageOf(
  weights: Shapes,
  names: readonly string[],
  index: number,
): { dim?: number; hidden?: number; depth: number } {
  const blocks = names.flatMap((name) => {
    const match = new RegExp(`^stages\\.${index}\\.blocks\\.(\\d+)\\.`).exec(name);
    return match === null ? [] : [Number(match[1])];
  });
  const shape = (module: string): readonly number[] | undefined =>
    (weights.get(`${module}.0.conv.weight`) ?? weights.get(`${module}.0.weight`))?.shape;
  const mixer =
    shape(`stages.${index}.blocks.0.channel_mixer`) ?? shape(`stages.${index}.downsample.channel_mixer`);
  // Numbers with gaps are no model's: the count of blocks, not the largest number a file names, is the depth.
  const depth = new Set(blocks).size;
  return { hidden: mixer?.[0], dim: mixer?.[1], depth };
}

function classesOf(weights: Shapes): number {
  const head = ['head.head.linear.weight', 'head.weight', 'head.fc.weight'].find((name) => weights.has(name));
  return head === undefined ? 0 : weights.get(head)!.shape[0]!;
}

/** A ratio whose product with the width, rounded down, is the hidden width again. */
function ratioFor(hidden: number, dim: number): number {
  const ratio = hidden / dim;
  return Math.floor(dim * ratio) === hidden ? ratio : (hidden + 0.5) / dim;
}

function inferRegNet(weights: Shapes): InferredModel | undefined {
  const fused = weights.has('s1.b1.conv2.weight');
  const suffix = fused ? 'weight' : 'conv.weight';
  const widths = [1, 2, 3, 4].map((i) => weights.get(`s${i}.b1.conv3.${suffix}`)?.shape[0]);
  const variant = REGNETS.find((v) => v.widths.join() === widths.join());
  if (variant === undefined) return undefined;
  return {
    name: variant.name,
    numClasses: classesOf(weights),
    inChans: weights.get(`stem.${suffix}`)?.shape[1] ?? 3,
    fuse: fused ? 'reference' : 'none',
    overrides: {},
  };
}
