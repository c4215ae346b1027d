import { UsageError } from '../errors.js';
import {
  buildModel,
  FeatureExtractor,
  parseModelName,
  type BuildOptions,
  type RecNext,
  type RegNet,
} from '../models/index.js';
import type { FetchOptions } from '../runtime/fetch/fetch-options.js';
import { pretrainedSource } from './hub/pretrained-source.js';
import { loadModel } from './load-weights.js';

export interface CreateModelOptions extends Omit<BuildOptions, 'init' | 'fuse'>, FetchOptions {
  /** Load the published weights of the model (of its tag, or of `distillation`). Default false. */
  pretrained?: boolean;
  /** Load these weights: a file, a folder, `hf://owner/repo[@revision][/file]`, or `https://…`. */
  checkpointPath?: string;
  /** Give the maps of the stages instead of logits. */
  featuresOnly?: boolean;
  /** With `featuresOnly`: which stages, counted from 0 or, negative, from the end. Default: all. */
  outIndices?: readonly number[];
}

/** Options that weights decide. */
const SIZES = ['embedDim', 'depth', 'mlpRatio', 'numHeads'] as const;

/**
 * Builds a model, with weights where asked for (timm's `create_model`). Another number of classes than the weights have
 * gives a fresh head, 0 none, other channels a converted stem, as in timm.
 *
 * @param name `recnext_m3`, `recnext_m3.dist_300e_in1k`, `regnety_160`, …
 * @throws UsageError for unknown names and options that cannot be built; UserError for weights that cannot be had
 */
export async function createModel(
  name: string,
  options: CreateModelOptions & { featuresOnly: true },
): Promise<FeatureExtractor>;
export async function createModel(
  name: string,
  options?: CreateModelOptions & { featuresOnly?: false },
): Promise<RecNext | RegNet>;
export async function createModel(
  name: string,
  options?: CreateModelOptions,
): Promise<RecNext | RegNet | FeatureExtractor>;
export async function createModel(
  name: string,
  options: CreateModelOptions = {},
): Promise<RecNext | RegNet | FeatureExtractor> {
  const { featuresOnly = false, outIndices, ...rest } = options;
  if (outIndices !== undefined && !featuresOnly)
    throw new UsageError('outIndices goes with featuresOnly: true');
  const model = await withWeights(name, featuresOnly ? { ...rest, numClasses: 0 } : rest);
  if (!featuresOnly) return model;
  try {
    return new FeatureExtractor(model, outIndices);
  } catch (error) {
    model.dispose();
    throw error;
  }
}

async function withWeights(
  name: string,
  options: Omit<CreateModelOptions, 'featuresOnly' | 'outIndices'>,
): Promise<RecNext | RegNet> {
  const { pretrained = false, checkpointPath, notice, startProgress, signal, timing, ...build } = options;
  if (!pretrained && checkpointPath === undefined) return buildModel(name, build);
  if (pretrained && checkpointPath !== undefined)
    throw new UsageError('pretrained and checkpointPath exclude each other: choose one');
  const size = SIZES.find((option) => build[option] !== undefined);
  if (size !== undefined)
    throw new UsageError(
      `${name}: ${size} goes with fresh weights only: loaded ones have their widths and depths`,
    );
  const parsed = parseModelName(name);
  const tag = parsed.family === 'recnext' ? parsed.tag : undefined;
  const distillation = build.distillation ?? tag === 'dist_300e_in1k';
  const { model, notes } = await loadModel({
    notice,
    startProgress,
    signal,
    timing,
    weights: checkpointPath ?? pretrainedSource(name, { distillation }),
    model: parsed.variant.name,
    numClasses: build.numClasses,
    inChans: build.inChans,
    imgSize: build.imgSize,
    distillation,
    dropPath: build.dropPath,
    drop: build.drop,
    seed: build.seed,
    onClassMismatch: 'reset',
  });
  notes.forEach((note) => notice?.(`${name}: ${note}`));
  return model;
}
