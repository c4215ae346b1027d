import { parseByteSize } from '../data/byte-size.js';
import {
  createLoader,
  evalTransform,
  openDataset,
  repeatedAugmentationSampler,
  shuffleSampler,
  trainTransform,
  type Dataset,
  type ImageTransform,
  type LeftOutReport,
  type Loader,
} from '../data/index.js';
import { UserError } from '../errors.js';
import { requireSameClasses } from '../eval/classes.js';
import type { DataConfig } from '../models/index.js';
import type { FetchOptions } from '../runtime/fetch/fetch-options.js';
import type { RunConfig } from './config.js';
import { firstBatches } from './overfit.js';
import { holdOut, without } from './hold-out.js';
import { parseProgressive, progressiveLoader } from './progressive.js';

/** The evaluation batch is 1.5 times the training batch, as in the reference. */
const EVAL_BATCH = 1.5;

/** Names of samples that are left out, because they cannot be read. */
export type LeftOut = ReadonlySet<string>;

/** What `--data` holds. */
export interface TrainingData {
  /** The images to train on. */
  readonly data: Dataset;
  /** Where the source is not divided into splits: all of its images, those that are held out included. */
  readonly undivided: Dataset | undefined;
}

/** Opens `--data`. Throws UserError for data that no classifier can be trained on. */
export async function openTraining(
  config: RunConfig,
  leaveOut: LeftOut = new Set(),
  hooks: FetchOptions = {},
  report?: LeftOutReport,
): Promise<TrainingData> {
  const all = without(
    await openDataset(config.data, {
      ...hooks,
      ...cacheOf(config),
      split: 'train',
      numClasses: config.numClasses,
      // A shard that is left out must be told of.
      onBroken: hooks.notice ? config.onError : 'fail',
      onBrokenShard: report?.shard,
    }),
    leaveOut,
  );
  const data = isHeldOut(config, all) ? holdOut(all, config.valSplit).train : all;
  if (data.length < config.batchSize)
    throw new UserError(
      `${data.source} has ${data.length} images, fewer than one batch of ${config.batchSize}: lower --batch-size.`,
    );
  if (data.numClasses < 2)
    throw new UserError(
      `${data.source} has ${data.numClasses} class: a classifier needs two or more to tell apart.`,
    );
  return { data, undivided: all.split === undefined ? all : undefined };
}

function cacheOf({ cacheDir, cacheLimit }: RunConfig): { cacheDir?: string; cacheLimit?: number } {
  return { cacheDir, cacheLimit: cacheLimit === undefined ? undefined : parseByteSize(cacheLimit) };
}

/** Whether the validation images are a share of the training images. */
function isHeldOut({ val, valSplit }: RunConfig, { split }: Dataset): boolean {
  return valSplit > 0 && val === undefined && split === undefined;
}

/** What is known of the images to train on, once they are open. */
interface ValidationSource extends Partial<Pick<TrainingData, 'undivided'>> {
  readonly data: Pick<Dataset, 'source'> & Partial<Pick<Dataset, 'classes' | 'numClasses'>>;
}

/**
 * The images of `--val`; without it, the validation split of the data where there is one; without that, the share of the training images
 * that `--val-split` keeps apart.
 *
 * @param data what it must agree with, where that is known
 */
export async function openValidation(
  config: RunConfig,
  { data, undivided }: ValidationSource,
  notice: (line: string) => void,
  leaveOut: LeftOut = new Set(),
  hooks: FetchOptions = {},
): Promise<Dataset | undefined> {
  const options = {
    ...hooks,
    ...cacheOf(config),
    notice,
    split: 'val',
    numClasses: data.numClasses,
  } as const;
  // Opened a second time, it would be held to the rule for what is scored: no shard may be broken.
  const all = config.val === undefined ? undivided : undefined;
  const val = all ?? without(await openDataset(config.val ?? config.data, options), leaveOut);
  if (isHeldOut(config, val)) return holdOut(val, config.valSplit).val;
  if (config.val === undefined && val.split === undefined) {
    notice('no validation images: give them with --val to see how well the model does.');
    return undefined;
  }
  requireSameClasses(data.classes, data.source, val.classes, val.source);
  return val;
}

/** The batches of a run: to train on, by the recipe's augmentation, and to score. */
export function createLoaders(
  config: RunConfig,
  modelData: DataConfig,
  data: Dataset,
  val: Dataset | undefined,
  notice?: (line: string) => void,
  report?: LeftOutReport,
): { train: Loader; val: Loader | undefined } {
  const { batchSize, seed, compat, workers, onError } = config;
  const imagesOf = (size: number) => ({ ...modelData, inputSize: [3, size, size] as const });
  // The reference does not crop when it fine-tunes.
  const squash = compat === 'reference' && config.finetune !== undefined;
  const evaluated = evalTransform({
    ...imagesOf(config.inputSize),
    ...(squash && { cropMode: 'squash', cropPct: 1 }),
  });
  if (config.overfitBatches !== undefined) return firstBatches(config, data, evaluated);
  const trained = (size: number): ImageTransform => trainTransform({ ...config, ...imagesOf(size) });
  const sampler = config.repeatedAug
    ? repeatedAugmentationSampler(data.length, seed, { batchSize, compat, notice })
    : shuffleSampler(data.length, seed);
  return {
    train: progressiveLoader(parseProgressive(config), (size) =>
      createLoader(data, {
        batchSize,
        transform: trained(size),
        sampler,
        seed,
        dropLast: true,
        workers,
        onError,
        onBroken(sample) {
          notice?.(`left out: ${sample.reason}`);
          report?.sample(sample);
        },
      }),
    ),
    val:
      val &&
      createLoader(val, { batchSize: Math.floor(EVAL_BATCH * batchSize), transform: evaluated, workers }),
  };
}
