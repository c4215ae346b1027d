import type { FetchOptions } from '../runtime/fetch/fetch-options.js';
import { weightsLabel } from '../convert/hub/resolve-weights.js';
import { loadModel } from '../convert/load-weights.js';
import { timmConfig } from '../convert/write/timm-config.js';
import { LeftOutReport } from '../data/index.js';
import { UsageError, UserError } from '../errors.js';
import { buildModel, type RecNext, type RegNet, smallInputNotice } from '../models/index.js';
import type { EngineOptions } from '../runtime/engines/choose.js';
import { savedProgress } from './checkpoint.js';
import { loadClassWeights } from './class-weights.js';
import type { RunConfig } from './config.js';
import { labelDigest } from './data-identity.js';
import { freeze } from './freeze.js';
import { runNotices } from './notices.js';
import { teacherOfRun } from './teacher/teacher-of-run.js';
import { createLoaders, openTraining, openValidation, type LeftOut } from './train-data.js';
import type { TrainParts } from './train.js';

/** Who hears of what is prepared. */
export type PrepareHooks = FetchOptions & {
  readonly notice: (line: string) => void;
  /** Names of samples that are left out, because they cannot be read. */
  readonly leaveOut?: LeftOut;
  /** What executes the run, and its teacher where that can be. Default: TF.js, operation by operation. */
  readonly engine?: EngineOptions;
  /** Write nothing: only to see what the run would be. */
  readonly dry?: boolean;
};

/** Everything of a run but its folder. */
export type PreparedRun = Omit<TrainParts, 'config' | 'folder' | 'checkpoint'>;

/**
 * Opens the data, builds the model, loads the teacher, and finds what does not fit before the first batch.
 *
 * @param checkpoint folder that the run will go on from: the model is built as that one was
 * @param hooks `notice` is told what a user may not expect, a line each; the others are for weights that must be fetched
 */
export async function prepareRun(
  config: RunConfig,
  checkpoint: string | undefined,
  hooks: PrepareHooks,
): Promise<PreparedRun> {
  const { notice, leaveOut } = hooks;
  const leftOut = new LeftOutReport(notice);
  const opened = await openTraining(config, leaveOut, fetching(hooks), leftOut);
  const { data } = opened;
  const val = await openValidation(config, opened, notice, leaveOut, fetching(hooks));
  const model = await studentOf(config, data.numClasses, checkpoint, hooks);
  // Before a folder is made: throws for names that the model does not have.
  freeze(model, config.freeze);
  const small = smallInputNotice(model);
  if (small !== undefined) notice(small);
  const loaders = createLoaders(config, model.dataConfig, data, val, notice, leftOut);
  runNotices(config, loaders.train.steps).forEach(notice);
  const teacher = await teacherOfRun(
    { config, data, student: model.dataConfig, loader: loaders.train },
    { from: await startOf(checkpoint), dry: hooks.dry ?? false },
    { ...fetching(hooks), notice, engine: hooks.engine },
  );

  const classes = data.classes;
  return {
    model,
    teacher,
    ...loaders,
    // `--overfit-batches` scores what it trains on.
    valImages: config.overfitBatches === undefined ? val : data,
    classWeights:
      config.classWeights === undefined ? undefined : await loadClassWeights(config.classWeights, data),
    dataDigest: labelDigest(data),
    leftOut,
    weightFiles: {
      'config.json': JSON.stringify(timmConfig(model.config, classes), undefined, 2) + '\n',
      ...(classes && { 'classes.txt': classes.map((name) => name + '\n').join('') }),
    },
  };
}

/** Where a run that goes on from `checkpoint` begins; of another program's checkpoint that is not known yet. */
async function startOf(checkpoint: string | undefined): Promise<{ epoch: number; step: number } | undefined> {
  return checkpoint === undefined ? { epoch: 0, step: 0 } : savedProgress(checkpoint);
}

export async function studentOf(
  config: RunConfig,
  numClasses: number,
  checkpoint: string | undefined,
  hooks: PrepareHooks,
): Promise<RecNext | RegNet> {
  const { model: name, finetune, inputSize: imgSize, drop, dropPath, seed } = config;
  const distillation = config.distillationType !== 'none';
  const options = { numClasses, imgSize, drop, dropPath, distillation, seed };
  // The reference's average goes on from the weights that its process began with, drawn anew: `loadCheckpoint` leaves it so.
  if (checkpoint !== undefined && config.compat !== 'reference') {
    const saved = await loadModel({ ...options, numClasses: undefined, weights: checkpoint, model: name });
    requireClasses(saved.model, checkpoint, numClasses, config.data);
    return requireHeads(saved.model, config);
  }
  if (finetune === undefined) return requireHeads(buildModel(name, options), config);
  const loaded = await loadModel({
    ...options,
    weights: finetune,
    model: name,
    ...(config.compat !== 'reference' && { onClassMismatch: 'reset' }),
    ...fetching(hooks),
  });
  loaded.notes.forEach((note) => hooks.notice(`${weightsLabel(finetune)}: ${note}`));
  return requireHeads(loaded.model, config);
}

/** Of the hooks of a run, those of fetching. */
export function fetching({ notice, startProgress, signal, timing }: PrepareHooks): FetchOptions {
  return { notice, startProgress, signal, timing };
}

/** A run goes on with the classes that it began with. */
function requireClasses(model: RecNext | RegNet, checkpoint: string, numClasses: number, data: string): void {
  const { numClasses: had } = model;
  if (had === numClasses) return;
  model.dispose();
  throw new UserError(
    `${checkpoint} has ${had} classes, ${data} has ${numClasses}: not even --force-resume goes on with others. ` +
      'Resume it with the data it began with, or start a new run from its weights with --finetune.',
  );
}

function requireHeads<M extends RecNext | RegNet>(model: M, { distillationType }: RunConfig): M {
  if (distillationType !== 'none' && !model.distillation)
    throw new UsageError(
      `${model.name} has no distillation head: choose a RecNeXt, or train it without --teacher-path.`,
    );
  return model;
}
