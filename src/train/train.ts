import * as tf from '@tensorflow/tfjs';
import { setImmediate } from 'node:timers/promises';
import type { LoadedBatch, Loader } from '../data/index.js';
import type { Evaluation } from '../eval/evaluate.js';
import type { ImageModel } from '../models/image-model.js';
import { AdamW } from './adamw.js';
import { loadCheckpoint, saveCheckpoint, type TrainingState } from './checkpoint.js';
import type { RunConfig } from './config.js';
import { ModelEma } from './ema.js';
import { smoothedTargets } from './losses.js';
import { startOfRun } from './progress.js';
import { uniformAt } from './random.js';
import type { RunFolder } from './run-folder.js';
import { learningRate } from './schedule.js';
import { keepBest, logLine, validate, type Scores } from './scores.js';
import { trainingStep, type StepParts } from './step.js';
import { lossError } from './loss-error.js';

export interface TrainParts {
  readonly config: RunConfig;
  readonly model: ImageModel;
  /** Needed when the configuration distils. */
  readonly teacher?: ImageModel;
  /** Whole batches only. */
  readonly train: Loader;
  readonly val?: Loader;
  readonly folder: RunFolder;
  /** Checkpoint folder to go on from. */
  readonly checkpoint?: string;
  /** Small files that go beside saved weights, by name (what the model is, its classes). */
  readonly weightFiles: Readonly<Record<string, string>>;
}

export interface TrainHooks {
  onStep?(info: StepInfo): void;
  /** Images validated so far, of all that will be (both sets of weights). */
  onValidate?(images: number, of: number): void;
  /** The line that went into log.txt. */
  onEpoch?(line: Readonly<Record<string, number>>): void;
  /** Ends the run cleanly: after the running step, with a checkpoint. */
  readonly signal?: AbortSignal;
}

export interface StepInfo {
  readonly epoch: number;
  /** Steps done of the epoch. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  /** Share of the batch whose (larger) target the model gave the largest logit before the update, percent, where the step counts it. */
  readonly top1?: number;
  readonly lr: number;
  readonly images: number;
}

export interface TrainResult {
  /** Epochs and steps done since the start of the run. */
  readonly epochs: number;
  readonly steps: number;
  /** Stopped by the signal; go on with the checkpoint. */
  readonly stopped: boolean;
  readonly raw?: Evaluation;
  readonly ema?: Evaluation;
  readonly best: TrainingState['progress']['best'];
  readonly checkpoint: string;
}

/**
 * Trains a model as the configuration says, from the start or from a checkpoint, and keeps the run folder.
 * Everything random is drawn from (seed, epoch, step or sample), so a resumed run equals one that was never interrupted.
 */
export async function train(parts: TrainParts, hooks: TrainHooks = {}): Promise<TrainResult> {
  const { config, model, train: source, folder, weightFiles } = parts;
  const { signal } = hooks;

  const optimizer = new AdamW(model.parameters, {
    betas: config.optBetas,
    eps: config.optEps,
    weightDecay: config.weightDecay,
  });
  const ema = config.modelEma ? new ModelEma(model, config.modelEmaDecay) : undefined;
  const progress = startOfRun();
  const state: TrainingState = { model, optimizer, ema, progress, samples: source.samples };
  const stepParts: StepParts = {
    model,
    optimizer,
    ema,
    clip: config.clipGrad > 0 ? { mode: config.clipMode, factor: config.clipGrad } : undefined,
    ...distillationOf(parts),
  };
  const schedule = { ...config, globalBatchSize: config.batchSize };

  const save = () =>
    folder.writing(async () => {
      const path = folder.checkpointPath(progress);
      await saveCheckpoint(path, state, weightFiles);
      await folder.prune();
      return path;
    });
  const stop = async (): Promise<TrainResult> => {
    const checkpoint = await save();
    return {
      epochs: progress.epoch,
      steps: progress.updates,
      best: progress.best,
      stopped: true,
      checkpoint,
    };
  };

  try {
    if (parts.checkpoint !== undefined) await loadCheckpoint(parts.checkpoint, state);
    await folder.trimLog(progress.epoch);
    let scores: Scores | undefined;

    while (progress.epoch < config.epochs) {
      const { epoch } = progress;
      const lr = learningRate(schedule, epoch);

      for await (const batch of source.epoch(epoch, progress.step)) {
        const loss = await runStep(stepParts, batch, lr, config, { epoch, step: progress.step });
        if (!Number.isFinite(loss)) throw lossError(loss, batch, folder, progress);
        progress.step++;
        progress.lossSum += loss;
        progress.updates = optimizer.steps;
        hooks.onStep?.({
          epoch,
          step: progress.step,
          steps: source.steps,
          loss,
          lr,
          images: batch.labels.length,
        });
        // Native backends compute without giving way: let signals and decoding workers through.
        await setImmediate();
        if (signal?.aborted) return await stop();
      }

      const found = await unlessAborted(signal, validate(parts, ema, hooks));
      if (found === undefined) return await stop();
      scores = found;
      await folder.writing(() => keepBest(parts, state, found));

      const line = logLine(epoch, lr, progress.lossSum / progress.step, found, model);
      await folder.writing(() => folder.log(line));
      hooks.onEpoch?.(line);

      Object.assign(progress, { epoch: epoch + 1, step: 0, lossSum: 0 });
      if (progress.epoch % config.saveFreq === 0 || progress.epoch === config.epochs) await save();
      if (signal?.aborted) return await stop();
    }

    // A finished run that is resumed is only scored again.
    scores ??= await validate(parts, ema, hooks);
    return {
      epochs: progress.epoch,
      steps: progress.updates,
      stopped: false,
      ...scores,
      best: progress.best,
      checkpoint: folder.checkpointPath(progress),
    };
  } finally {
    optimizer.dispose();
    ema?.dispose();
  }
}

/** One batch through the training step: its loss, read once. */
async function runStep(
  parts: StepParts,
  batch: LoadedBatch,
  lr: number,
  { seed, smoothing, setBnEval }: RunConfig,
  at: { epoch: number; step: number },
): Promise<number> {
  const scalars = parts.optimizer.nextScalars(lr);
  const images = tf.tensor4d(batch.images, [...batch.shape]);
  const targets = tf.tidy(() =>
    smoothedTargets(tf.tensor1d(batch.labels, 'int32'), parts.model.numClasses, smoothing),
  );
  const context = { freezeBatchNorm: setBnEval, uniform: uniformAt({ seed, ...at }) };
  const loss = trainingStep(parts, { images, targets, context }, scalars);
  const [value] = await loss.data();
  tf.dispose([images, targets, loss, scalars.keep, scalars.rate, scalars.eps]);
  return value!;
}

function distillationOf({ config, teacher }: TrainParts): Pick<StepParts, 'teacher' | 'distillation'> {
  const { distillationType: type = 'none', distillationAlpha: alpha, distillationTau: tau } = config;
  return type === 'none' || teacher === undefined ? {} : { teacher, distillation: { type, alpha, tau } };
}

/** What `work` gives, or undefined when it was ended by the signal. */
async function unlessAborted<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (signal?.aborted) return undefined;
    throw error;
  }
}
