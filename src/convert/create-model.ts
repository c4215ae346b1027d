import { UsageError } from '../errors.js';
import {
  buildModel,
  FeatureExtractor,
  parseModelName,
  type BuildOptions,
  type RecNext,
  type RegNet,
} from '../models/index.js';
import { pretrainedSource } from './hub/hub-spec.js';
import { loadModel } from './load-weights.js';

export interface CreateModelOptions extends Omit<BuildOptions, 'init' | 'fuse'> {
  /** Load the published weights of the model (of its tag, or of `distillation`). Default false. */
  pretrained?: boolean;
  /** Load these weights: a file, a folder, or `hf://owner/repo`. */
  checkpointPath?: string;
  /** Give the maps of the stages instead of logits. */
  featuresOnly?: boolean;
  /** With `featuresOnly`: which stages, counted from 0 or, negative, from the end. Default: all. */
  outIndices?: readonly number[];
}

/**
 * Builds a model, with weights where asked for (timm's `create_model`). Another number of classes than the weights have
 * gives a fresh head, other channels a converted stem, as in timm.
 *
 * @param name `recnext_m3`, `recnext_m3.dist_300e_in1k`, `regnety_160`, …
 * @throws UsageError for unknown names and options that cannot be built; UserError for weights that cannot be had
 */
export async function createModel(
  name: string,
  options: CreateModelOptions & { featuresOnly: true },
): Promise<FeatureExtractor>;
export async function createModel(name: string, options?: CreateModelOptions): Promise<RecNext | RegNet>;
export async function createModel(
  name: string,
  options: CreateModelOptions = {},
): Promise<RecNext | RegNet | FeatureExtractor> {
  const { featuresOnly = false, outIndices, ...rest } = options;
  if (outIndices !== undefined && !featuresOnly)
    throw new UsageError('outIndices goes with featuresOnly: true');
  const model = await withWeights(name, featuresOnly ? { ...rest, numClasses: 0 } : rest);
  return featuresOnly ? new FeatureExtractor(model, outIndices) : model;
}

async function withWeights(
  name: string,
  { pretrained = false, checkpointPath, ...build }: Omit<CreateModelOptions, 'featuresOnly' | 'outIndices'>,
): Promise<RecNext | RegNet> {
  if (!pretrained && checkpointPath === undefined) return buildModel(name, build);
  if (pretrained && checkpointPath !== undefined) {
    throw new UsageError('pretrained and checkpointPath exclude each other: choose one');
  }
  if (pretrained && (build.embedDim ?? build.depth ?? build.mlpRatio ?? build.numHeads) !== undefined) {
    throw new UsageError(
      `${name}: there are no published weights for other widths or depths than the model's own`,
    );
  }
  const parsed = parseModelName(name);
  const distillation = build.distillation ?? (parsed.family === 'recnext' && parsed.tag === 'dist_300e_in1k');
  const { model } = await loadModel({
    weights: checkpointPath ?? pretrainedSource(name, distillation),
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
  return model;
}
