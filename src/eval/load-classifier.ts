import { loadModel } from '../convert/load-weights.js';
import { UsageError } from '../errors.js';
import { buildModel, replaceBatchnorm, type RecNext, type RegNet } from '../models/index.js';
import { classNames } from './class-names.js';

export interface ClassifierOptions {
  /** Registry name; with weights it may be left away. */
  readonly model?: string;
  /** File or folder. */
  readonly weights?: string;
  /** Weights drawn at random, for benchmarks: must be asked for. */
  readonly randomWeights?: boolean;
  /** Seed of random weights. */
  readonly seed?: number;
  readonly numClasses?: number;
  readonly inputSize?: number;
  /** Fold the batch norms. */
  readonly fuse?: boolean;
  /** File of class names. */
  readonly classes?: string;
}

export interface Classifier {
  readonly model: RecNext | RegNet;
  readonly classNames: readonly string[] | undefined;
  readonly notes: readonly string[];
}

/** The model to evaluate or to predict with. Never one with random weights by accident. */
export async function loadClassifier(options: ClassifierOptions): Promise<Classifier> {
  const { weights, randomWeights = false, numClasses, inputSize: imgSize } = options;
  if ((weights !== undefined) === randomWeights)
    throw new UsageError(
      randomWeights
        ? '--weights and --random-weights exclude each other.'
        : 'Weights are needed: give --weights FILE or FOLDER (or --random-weights, to measure speed).',
    );
  const loaded =
    weights === undefined
      ? { model: randomModel(options), classNames: undefined, notes: [] }
      : await loadModel({ weights, model: options.model, numClasses, imgSize });
  const names = await classNames(loaded.model.numClasses, {
    file: options.classes,
    known: loaded.classNames,
    weights,
  });
  return { model: options.fuse ? fused(loaded.model) : loaded.model, classNames: names, notes: loaded.notes };
}

function randomModel({ model, numClasses, inputSize: imgSize, seed }: ClassifierOptions): RecNext | RegNet {
  if (model === undefined)
    throw new UsageError('--random-weights needs --model: which model to fill with them.');
  return buildModel(model, { numClasses, imgSize, seed });
}

function fused(model: RecNext | RegNet): RecNext | RegNet {
  const result = replaceBatchnorm(model);
  model.dispose();
  return result;
}
