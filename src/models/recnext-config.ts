import { UsageError } from '../errors.js';
import type { FuseMode } from '../layers/spec/primitives.js';
import type { Preprocessing } from './image-model.js';
import { checkSizes, wholeNumber } from './check-sizes.js';
import { parseModelName } from './names.js';
import type { Variant } from './variants.js';

/** A RecNeXt with everything resolved: plain data, saved with weights so that the model can be built again. */
export interface RecNextConfig extends Omit<Variant, 'dropPath'> {
  readonly numClasses: number;
  readonly inChans: number;
  /** Training returns both heads' logits. */
  readonly distillation: boolean;
  /** Stochastic depth rate that is used: constant over blocks in M and A, the last block's in T, S and B. */
  readonly dropPath: number;
  /** Dropout of the pooled features. */
  readonly drop: number;
  readonly fuse: FuseMode;
  /** [height, width] the model is meant for; any other works too. */
  readonly imgSize: readonly [number, number];
  /** What its images need otherwise than the published models'. */
  readonly preprocessing?: Preprocessing;
}

/** What may be chosen when a model is built, named as timm names it. */
export interface RecNextOptions {
  /** Train both heads (the second against a teacher). Default: as the tag says, else false. */
  distillation?: boolean;
  /** Default 1000; 0: no classifier, pooled features come out. */
  numClasses?: number;
  /** Image channels. Default 3. */
  inChans?: number;
  /** Default 224. */
  imgSize?: number | readonly [height: number, width: number];
  /** Stochastic depth rate. Default: the variant's own, 0 with distillation. */
  dropPath?: number;
  /** Dropout before the classifier. Default 0. */
  drop?: number;
  /** Batch norms folded away. Default `none`. */
  fuse?: FuseMode;
  /** Mean, deviation, interpolation, crop: where they are other than the published models'. */
  preprocessing?: Preprocessing;
  /** Other widths or depths than the variant's (the reference's constructor arguments `embed_dim`, `depth`, …). */
  embedDim?: readonly number[];
  depth?: readonly number[];
  mlpRatio?: number | readonly number[];
  numHeads?: readonly number[];
}

/** Resolves a name and options. Throws UsageError on what cannot be built. */
export function resolveRecNext(name: string, options: RecNextOptions = {}): RecNextConfig {
  const parsed = parseModelName(name);
  if (parsed.family !== 'recnext') throw new UsageError(`"${name}" is no RecNeXt`);
  const { variant, tag } = parsed;
  const distillation = options.distillation ?? tag === 'dist_300e_in1k';
  const { imgSize = 224, mlpRatio = variant.mlpRatios } = options;
  return checkRecNext({
    ...variant,
    dims: options.embedDim ?? variant.dims,
    depths: options.depth ?? variant.depths,
    mlpRatios: typeof mlpRatio === 'number' ? Array<number>(4).fill(mlpRatio) : mlpRatio,
    heads: options.numHeads ?? variant.heads,
    numClasses: options.numClasses ?? 1000,
    inChans: options.inChans ?? 3,
    distillation,
    dropPath: options.dropPath ?? (distillation ? 0 : variant.dropPath),
    drop: options.drop ?? 0,
    fuse: options.fuse ?? 'none',
    imgSize: typeof imgSize === 'number' ? [imgSize, imgSize] : imgSize,
    ...(options.preprocessing === undefined ? {} : { preprocessing: options.preprocessing }),
  });
}

/** The configuration itself. Throws UsageError for one that cannot be built. */
export function checkRecNext(config: RecNextConfig): RecNextConfig {
  const { name, dims, depths, mlpRatios, heads } = config;
  checkSizes(config);
  for (const [what, list] of Object.entries({ embedDim: dims, depth: depths, mlpRatio: mlpRatios })) {
    if (list.length !== 4)
      throw new UsageError(`${name}: ${what} needs a value for each of 4 stages, found ${list.length}`);
  }
  dims.forEach((dim) => wholeNumber(name, dim, 1, 'embedDim'));
  depths.forEach((depth) => wholeNumber(name, depth, 0, 'depth'));
  for (const [what, rate] of Object.entries({ dropPath: config.dropPath, drop: config.drop })) {
    if (!(rate >= 0 && rate < 1))
      throw new UsageError(`${name}: ${what} must be at least 0 and below 1, found ${rate}`);
  }
  checkDivisibility(config, heads);
  return config;
}

function checkDivisibility({ name, series, dims }: RecNextConfig, heads: readonly number[]): void {
  const divides = (value: number, by: number, why: string): void => {
    if (value % by !== 0)
      throw new UsageError(`${name}: embedDim ${value} must be divisible by ${by} (${why})`);
  };
  divides(dims[0]!, series === 't' ? 4 : 2, 'the stem reaches it by doubling');
  if (series !== 't') {
    dims.slice(1).forEach((dim, i) => {
      if (dim !== 2 * dims[i]!) {
        throw new UsageError(`${name}: embedDim must double from stage to stage, found ${dims.join(', ')}`);
      }
    });
  }
  if (series === 'm') return;
  dims.forEach((dim, i) =>
    divides(dim, (series === 't' ? 8 : 1) * heads[i]!, `${heads[i]} heads in stage ${i}`),
  );
}
