import type { FetchOptions } from '../runtime/fetch/fetch-options.js';
import { pretrainedSource } from '../convert/hub/pretrained-source.js';
import { loadModel } from '../convert/load-weights.js';
import { UsageError } from '../errors.js';
import { namedWeights } from '../layers/spec/module-spec.js';
import { buildModel, replaceBatchnorm, type RecNext, type RegNet } from '../models/index.js';
import { fuseMode } from '../models/model-config.js';
import type { StateDict } from '../models/state-dict.js';
import { classNames } from './class-names.js';
import { syntheticStateDict } from './verify/synthetic.js';

export interface ClassifierOptions {
  /** Registry name; with weights it may be left away. */
  readonly model?: string;
  /** File, folder, `hf://owner/repo` or `https://…`. */
  readonly weights?: string;
  /** The published weights of the model. */
  readonly pretrained?: boolean;
  /** Weights drawn at random, for benchmarks: must be asked for. */
  readonly randomWeights?: boolean;
  /** Seed of random weights. */
  readonly seed?: number;
  readonly numClasses?: number;
  readonly inputSize?: number;
  /** Fold the batch norms. */
  readonly fuse?: boolean;
  /** With its distillation head (see `RecNextOptions`). */
  readonly distillation?: boolean;
  /** File of class names. */
  readonly classes?: string;
}

export interface Classifier {
  readonly model: RecNext | RegNet;
  readonly classNames: readonly string[] | undefined;
  readonly notes: readonly string[];
}

/** The model to evaluate or to predict with; its weights are fetched if they must be. Never one with random weights by accident. */
export async function loadClassifier(
  options: ClassifierOptions,
  fetching: FetchOptions = {},
): Promise<Classifier> {
  const { numClasses, inputSize: imgSize, distillation } = options;
  const weights = weightsOf(options);
  const loaded =
    weights === undefined
      ? { model: randomModel(options), classNames: undefined, notes: [], path: undefined }
      : await loadModel({ weights, model: options.model, numClasses, imgSize, distillation, ...fetching });
  const names = await classNames(loaded.model.numClasses, {
    file: options.classes,
    known: loaded.classNames,
    weights: loaded.path,
  });
  return { model: options.fuse ? fused(loaded.model) : loaded.model, classNames: names, notes: loaded.notes };
}

/** Undefined: weights drawn at random, which were asked for. */
function weightsOf({
  model,
  weights,
  pretrained = false,
  randomWeights = false,
}: ClassifierOptions): string | undefined {
  if ([weights !== undefined, pretrained, randomWeights].filter(Boolean).length > 1)
    throw new UsageError('--weights, --pretrained and --random-weights exclude each other: choose one.');
  if (weights !== undefined || randomWeights) return weights;
  if (!pretrained)
    throw new UsageError(
      'Weights are needed: give --weights FILE or FOLDER, --pretrained for the published ones, or --random-weights to measure speed.',
    );
  if (model === undefined)
    throw new UsageError('--pretrained needs --model: whose published weights to load.');
  return pretrainedSource(model);
}

function randomModel({
  model,
  numClasses,
  inputSize: imgSize,
  distillation,
  seed,
}: ClassifierOptions): RecNext | RegNet {
  if (model === undefined)
    throw new UsageError('--random-weights needs --model: which model to fill with them.');
  const built = buildModel(model, { numClasses, imgSize, distillation, seed });
  built.loadStateDict(trainedStatistics(built), { strict: false });
  return built;
}

/**
 * Biases and statistics of batch norms that are not 0 and 1. Runtimes leave away what adds 0: the speed measured would be that of another model than one that has learnt.
 */
function trainedStatistics({ spec }: RecNext | RegNet): StateDict {
  const learnt = namedWeights(spec).filter(([name]) => /\.(bias|running_mean|running_var)$/.test(name));
  return syntheticStateDict(learnt.map(([name, { shape }]) => [name, shape]));
}

function fused(model: RecNext | RegNet): RecNext | RegNet {
  if (fuseMode(model.config) === 'full') return model;
  const result = replaceBatchnorm(model);
  model.dispose();
  return result;
}
