import { setImmediate } from 'node:timers/promises';
import type { Dataset, LeftOutReport, Loader } from '../data/index.js';
import type { Evaluation } from '../eval/evaluate.js';
import type { EngineOptions } from '../runtime/engines/choose.js';
import type { ImageModel } from '../models/image-model.js';
import { countsByClass, keepBestByClass } from './best-by-class.js';
import { loadCheckpoint, saveCheckpoint, type TrainingState } from './checkpoint.js';
import type { RunConfig } from './config.js';
import { runEpoch, type StepInfo } from './epoch.js';
import { epochsWithoutBetter, startOfEpoch } from './progress.js';
import { loadReferenceState, type ReferenceCheckpoint } from './reference-checkpoint.js';
import type { RunFolder } from './run-folder.js';
import { keepBest, logLine, validate, type Scores } from './scores.js';
import type { TeacherOutputs } from './teacher/outputs.js';
import { createTraining } from './training.js';

export type { StepInfo };

export interface TrainParts {
  readonly config: RunConfig;
  readonly model: ImageModel;
  /** What executes the step. Default: TF.js, operation by operation. */
  readonly engine?: EngineOptions;
  /** What the teacher says of each batch. Needed when the configuration distils. */
  readonly teacher?: TeacherOutputs;
  /** Whole batches only. */
  readonly train: Loader;
  readonly val?: Loader;
  /** The images of `val`: how each class of them does is kept with the best weights. */
  readonly valImages?: Dataset;
  /** Factor of each class in the loss. */
  readonly classWeights?: Float32Array;
  readonly folder: RunFolder;
  /** See `labelDigest`. */
  readonly dataDigest?: string;
  /** Shards and samples that are left out because they are broken: kept in the folder. */
  readonly leftOut?: LeftOutReport;
  /** Checkpoint folder to go on from. */
  readonly checkpoint?: string;
  /** Go on from it although the data changed. */
  readonly forceResume?: boolean;
  /** A checkpoint of the reference's main.py to go on from. */
  readonly reference?: ReferenceCheckpoint;
  /** Small files that go beside saved weights, by name (what the model is, its classes). */
  readonly weightFiles: Readonly<Record<string, string>>;
}

export interface TrainHooks {
  onStep?(info: StepInfo): void;
  /** Images validated so far, of all that will be (both sets of weights). */
  onValidate?(images: number, of: number): void;
  /** The line that went into log.txt. */
  onEpoch?(line: Readonly<Record<string, number>>): void;
  /** Told what a user may not expect, a line each. */
  notice?(line: string): void;
  /** Told what looks wrong with the run, a line each. */
  warn?(line: string): void;
  /** Ends the run cleanly: after the running step, with a checkpoint. */
  readonly signal?: AbortSignal;
}

export interface TrainResult {
  /** Epochs and updates done since the start of the run. */
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
  const { config, folder, weightFiles } = parts;
  const { signal } = hooks;
  const training = createTraining(parts, hooks.warn);
  const { state, runner } = training;
  const { progress } = state;

  const save = () =>
    folder.writing(async () => {
      await runner.sync();
      const path = folder.checkpointPath(progress);
      await saveCheckpoint(path, state, weightFiles);
      await folder.prune(config.checkpointHist);
      return path;
    });
  const result = (checkpoint: string, stopped: boolean, scores: Scores = {}): TrainResult => ({
    epochs: progress.epoch,
    steps: progress.updates,
    stopped,
    ...scores,
    best: progress.best,
    checkpoint,
  });
  const outOfPatience = () =>
    config.patience !== undefined && (epochsWithoutBetter(progress) ?? 0) >= config.patience;

  try {
    if (parts.checkpoint !== undefined) {
      const withoutAverage = config.compat === 'reference';
      await loadCheckpoint(parts.checkpoint, state, { force: parts.forceResume, withoutAverage });
    } else if (parts.reference !== undefined) {
      const notes = await loadReferenceState(parts.reference, state, config);
      notes.forEach((note) => hooks.notice?.(note));
      await save();
    }
    if (progress.epoch < config.epochs) parts.train.prepare?.(progress.epoch, progress.step);
    await folder.trimLog(progress.epoch);
    await parts.leftOut?.keepIn(folder.leftOutFile);
    let scores: Scores | undefined;

    while (progress.epoch < config.epochs && !outOfPatience()) {
      const { epoch } = progress;
      const end = await runEpoch(parts, training, save, hooks);
      if (end.kind === 'rolled back') continue;
      if (end.kind === 'stopped') return result(await save(), true);

      // While this one is scored.
      if (epoch + 1 < config.epochs) parts.train.prepare?.(epoch + 1);
      const counts = parts.valImages && countsByClass(parts.model.numClasses);
      const found = await unlessAborted(signal, validate(parts, training, hooks, counts));
      if (found === undefined) return result(await save(), true);
      scores = found;
      await runner.sync();
      await folder.writing(() => keepBest(parts, state, found));
      if (counts)
        await folder.writing(() =>
          keepBestByClass(folder, progress, counts, parts.valImages!, hooks.notice ?? (() => undefined)),
        );

      const line = logLine(epoch, end.lr, progress, found, parts.model);
      await folder.writing(() => folder.log(line));
      training.watch.epoch(line);
      hooks.onEpoch?.(line);

      Object.assign(progress, startOfEpoch(epoch + 1));
      const last = progress.epoch === config.epochs || outOfPatience();
      if (last || progress.epoch % config.saveFreq === 0) await save();
      if (signal?.aborted) return result(await save(), true);
      await setImmediate();
    }

    // A finished run that is resumed is only scored again.
    scores ??= await validate(parts, training, hooks);
    return result(folder.checkpointPath(progress), false, scores);
  } finally {
    training.dispose();
    await parts.leftOut?.written();
    const { shards = 0, samples = 0 } = parts.leftOut?.counts ?? {};
    if (shards + samples > 0)
      hooks.notice?.(`left out: ${shards} shards, ${samples} images, named in ${folder.leftOutFile}`);
  }
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
