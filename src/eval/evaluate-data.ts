import { UserError } from '../errors.js';
import { weightsLabel } from '../convert/hub/resolve-weights.js';
import type { FetchOptions } from '../runtime/fetch/fetch-options.js';
import {
  createLoader,
  evalTransform,
  LeftOutReport,
  openDataset,
  type Dataset,
  type LeftOutLine,
} from '../data/index.js';
import type { DataConfig } from '../models/image-model.js';
import { smallInputNotice } from '../models/index.js';
import type { EngineOptions } from '../runtime/engines/choose.js';
import { openEngine } from '../runtime/engines/open.js';
import { requireSameClasses } from './classes.js';
import { Confusion } from './confusion.js';
import { evaluate, type EvaluateOptions } from './evaluate.js';
import { flipAverage } from './flip-average.js';
import type { Metrics } from './metrics.js';
import { loadClassifier, type ClassifierOptions } from './load-classifier.js';
import { perClassOf, type PerClass } from './per-class.js';

export interface EvaluateDataOptions extends ClassifierOptions {
  /** Data source; of one with splits, the validation split. Or images that are open already. */
  readonly data: string | Dataset;
  readonly batchSize: number;
  /** Threads that decode the images; 0: the calling one. Default: by the processors. */
  readonly workers?: number;
  /** Where data that must be fetched are kept, and how many bytes of them (see `openDataset`). */
  readonly cacheDir?: string;
  readonly cacheLimit?: number;
  /** What an image or a shard does that is broken: `fail` (default) ends it, `skip` scores the others and says which were left out. */
  readonly onError?: 'skip' | 'fail';
  /** How images are brought to the input, where it isn't to be as the model has it. */
  readonly interpolation?: DataConfig['interpolation'];
  readonly cropPct?: number;
  readonly cropMode?: DataConfig['cropMode'];
  /** Average the logits of each image and of its mirror image. */
  readonly tta?: boolean;
  /** What executes the model. Default: TF.js, operation by operation. */
  readonly engine?: EngineOptions;
  /** Tell how each class does, and which are confused, with small pictures of the mistakes. */
  readonly perClass?: boolean;
}

/** `notice` is told what the weights say of themselves as well. */
export interface EvaluateDataHooks extends EvaluateOptions, FetchOptions {
  /** The images are about to be scored. */
  readonly onStart?: (images: number) => void;
  /** Told of each shard and image that is left out, a line each. */
  readonly warn?: (line: string) => void;
}

export interface EvaluationReport extends Metrics {
  /** Where it was asked for. */
  readonly perClass?: PerClass;
  readonly model: string;
  /** With `onError: 'skip'`, what the figures are without. */
  readonly leftOut?: readonly LeftOutLine[];
  /** Whole run over the data: reading, decoding, transforms, model. */
  readonly imagesPerSecond: number;
  /** What the images went through, and where the time went. */
  readonly pipeline: {
    readonly inputSize: number;
    readonly interpolation: string;
    readonly cropPct: number;
    readonly cropMode: string;
    /** Whether logits are averaged with those of the mirror image. */
    readonly tta: boolean;
    readonly batchSize: number;
    /** Of the model alone. */
    readonly computeImagesPerSecond: number;
    /** Share of the time that the model waited for images, percent. */
    readonly dataWait: number;
  };
}

/** Scores weights on labelled images. What does not fit is found before the first batch. */
export async function evaluateData(
  options: EvaluateDataOptions,
  hooks: EvaluateDataHooks = {},
): Promise<EvaluationReport> {
  const { model, classNames, notes } = await loadClassifier(options, hooks);
  const leftOut = new LeftOutReport();
  const { onError = 'fail' } = options;
  try {
    [...notes, smallInputNotice(model)].forEach((note) => note !== undefined && hooks.notice?.(note));
    const data =
      typeof options.data === 'string'
        ? await openDataset(options.data, {
            split: 'val',
            numClasses: model.numClasses,
            cacheDir: options.cacheDir,
            cacheLimit: options.cacheLimit,
            onBroken: onError,
            onBrokenShard: leftOut.shard,
            notice: hooks.notice,
            signal: hooks.signal,
            timing: hooks.timing,
          })
        : options.data;
    if (data.numClasses !== model.numClasses)
      throw new UserError(
        `${data.source} has ${data.numClasses} classes, ${options.weights ?? model.name} knows ${model.numClasses}: they must be the same.`,
      );
    requireSameClasses(classNames, options.weights ?? model.name, data.classes, data.source);
    const dataConfig = preprocessing(model.dataConfig, options);
    const { batchSize, workers } = options;
    const loader = createLoader(data, {
      batchSize,
      transform: evalTransform(dataConfig),
      cacheBytes: 0,
      workers,
      onError: onError === 'skip' ? 'omit' : 'fail',
      onBroken(sample) {
        hooks.warn?.(`left out: ${sample.reason}`);
        leftOut.sample(sample);
      },
    });
    const engine = await openEngine(model, options.engine, hooks.notice);
    const scored = options.tta ? flipAverage(engine) : engine;
    hooks.onStart?.(data.length);
    const confusion = options.perClass ? new Confusion(model.numClasses) : undefined;
    const { seconds, computeSeconds, ...metrics } = await evaluate(scored, loader, {
      ...hooks,
      onLogits: (logits, { labels, indices }) => confusion?.add(logits, labels, indices),
    }).finally(() => engine.dispose());
    if (metrics.images === 0)
      throw new UserError(
        `${data.source}: no image of it can be read, the first: ${leftOut.lines[0]!.reason}`,
      );
    if (!Number.isFinite(metrics.loss))
      throw new UserError(
        `${options.weights ?? model.name}: the model gives NaN or Inf on ${data.source}: its weights are damaged, or its running variances negative.`,
      );
    const names = classNames ?? data.classes;
    return {
      model: model.name,
      ...metrics,
      ...(onError === 'skip' && { leftOut: leftOut.lines }),
      ...(confusion && {
        perClass: await perClassOf(confusion, data, names, weightsLabel(options.weights ?? model.name)),
      }),
      imagesPerSecond: metrics.images / seconds,
      pipeline: {
        inputSize: dataConfig.inputSize[1],
        interpolation: dataConfig.interpolation,
        cropPct: dataConfig.cropPct,
        cropMode: dataConfig.cropMode,
        tta: options.tta ?? false,
        batchSize,
        computeImagesPerSecond: metrics.images / computeSeconds,
        dataWait: 100 * (1 - computeSeconds / seconds),
      },
    };
  } finally {
    model.dispose();
  }
}

/** The model's own preprocessing, with what was asked for otherwise. */
function preprocessing(
  own: DataConfig,
  {
    interpolation = own.interpolation,
    cropPct = own.cropPct,
    cropMode = own.cropMode,
  }: Pick<EvaluateDataOptions, 'interpolation' | 'cropPct' | 'cropMode'>,
): DataConfig {
  return { ...own, interpolation, cropPct, cropMode };
}
