import type { FetchOptions } from '../runtime/fetch/fetch-options.js';
import { weightsLabel } from '../convert/hub/resolve-weights.js';
import { loadModel } from '../convert/load-weights.js';
import { timmConfig } from '../convert/write/timm-config.js';
import {
  createLoader,
  evalTransform,
  openDataset,
  shuffleSampler,
  trainTransform,
  type Dataset,
} from '../data/index.js';
import { UsageError, UserError } from '../errors.js';
import { requireSameClasses } from '../eval/classes.js';
import { buildModel, type RecNext, type RegNet, smallInputNotice } from '../models/index.js';
import type { RunConfig } from './config.js';
import type { TrainParts } from './train.js';

/** The evaluation batch is 1.5 times the training batch, as in the reference. */
const EVAL_BATCH = 1.5;

/** Who hears of what is prepared. */
export type PrepareHooks = FetchOptions & { readonly notice: (line: string) => void };

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
  const { notice } = hooks;
  const data = await openDataset(config.data, { split: 'train', numClasses: config.numClasses });
  if (data.length < config.batchSize)
    throw new UserError(
      `${data.source} has ${data.length} images, fewer than one batch of ${config.batchSize}: lower --batch-size.`,
    );
  if (data.numClasses < 2)
    throw new UserError(
      `${data.source} has ${data.numClasses} class: a classifier needs two or more to tell apart.`,
    );
  const val = await openValidation(config, data, notice);
  const model = await studentOf(config, data.numClasses, checkpoint, hooks);
  const small = smallInputNotice(model);
  if (small !== undefined) notice(small);
  const teacher = await teacherOf(config, data, hooks);
  announceMissing(config, notice);
  announceSlowAverage(config, Math.floor(data.length / config.batchSize), notice);

  const images = { ...model.dataConfig, inputSize: [3, config.inputSize, config.inputSize] as const };
  const classes = data.classes;
  return {
    model,
    teacher,
    train: createLoader(data, {
      batchSize: config.batchSize,
      transform: trainTransform({ ...images, scale: config.scale, ratio: config.ratio, hflip: config.hflip }),
      sampler: shuffleSampler(data.length, config.seed),
      seed: config.seed,
      dropLast: true,
    }),
    val:
      val &&
      createLoader(val, {
        batchSize: Math.floor(EVAL_BATCH * config.batchSize),
        transform: evalTransform(images),
      }),
    weightFiles: {
      'config.json': JSON.stringify(timmConfig(model.config, classes), undefined, 2) + '\n',
      ...(classes && { 'classes.txt': classes.map((name) => name + '\n').join('') }),
    },
  };
}

/** The images of `--val`; without it, the validation split of the data where there is one. */
async function openValidation(
  config: RunConfig,
  data: Dataset,
  notice: (line: string) => void,
): Promise<Dataset | undefined> {
  const options = { split: 'val', numClasses: data.numClasses } as const;
  if (config.val === undefined && data.split === undefined) {
    notice('no validation images: give them with --val to see how well the model does.');
    return undefined;
  }
  const val = await openDataset(config.val ?? config.data, options);
  requireSameClasses(data.classes, data.source, val.classes, val.source);
  return val;
}

async function studentOf(
  config: RunConfig,
  numClasses: number,
  checkpoint: string | undefined,
  hooks: PrepareHooks,
): Promise<RecNext | RegNet> {
  const { model: name, finetune, inputSize: imgSize, drop, dropPath, seed } = config;
  const distillation = config.distillationType !== 'none';
  const options = { numClasses, imgSize, drop, dropPath, distillation, seed };
  if (checkpoint !== undefined)
    return requireHeads((await loadModel({ ...options, weights: checkpoint, model: name })).model, config);
  if (finetune === undefined) return requireHeads(buildModel(name, options), config);
  const loaded = await loadModel({
    ...options,
    weights: finetune,
    model: name,
    onClassMismatch: 'reset',
    ...fetching(hooks),
  });
  loaded.notes.forEach((note) => hooks.notice(`${weightsLabel(finetune)}: ${note}`));
  return requireHeads(loaded.model, config);
}

/** Of the hooks of a run, those of fetching. */
function fetching({ notice, startProgress, signal, timing }: PrepareHooks): FetchOptions {
  return { notice, startProgress, signal, timing };
}

function requireHeads<M extends RecNext | RegNet>(model: M, { distillationType }: RunConfig): M {
  if (distillationType !== 'none' && !model.distillation)
    throw new UsageError(
      `${model.name} has no distillation head: choose a RecNeXt, or train it without --teacher-path.`,
    );
  return model;
}

async function teacherOf(
  { teacherPath, teacherModel, distillationType }: RunConfig,
  data: Dataset,
  hooks: PrepareHooks,
): Promise<RecNext | RegNet | undefined> {
  if (teacherPath === undefined || distillationType === 'none') return undefined;
  const { model, classNames, notes } = await loadModel({
    weights: teacherPath,
    model: teacherModel,
    ...fetching(hooks),
  });
  const teacher = `the teacher ${weightsLabel(teacherPath)}`;
  notes.forEach((note) => hooks.notice(`${teacher}: ${note}`));
  if (model.numClasses !== data.numClasses)
    throw new UserError(
      `${teacher} knows ${model.numClasses} classes, ${data.source} has ${data.numClasses}: ` +
        `distillation needs a teacher of the same classes.`,
    );
  requireSameClasses(classNames, teacher, data.classes, data.source);
  return model;
}

/** What the reference's recipe has and this version has not: said once, so that nobody takes a run for the whole recipe. */
function announceMissing({ distillationType }: RunConfig, notice: (line: string) => void): void {
  notice(
    'not yet part of this version: repeated augmentation, RandAugment (rand-m9-mstd0.5-inc1), Mixup 0.8 and CutMix 1.0, random erasing 0.25. ' +
      'This run uses random crops and flips, and label smoothing in place of mixed targets.',
  );
  if (distillationType === 'none')
    notice('no distillation: the reference distils (hard); give a teacher with --teacher-path to do so.');
}

/** An average over far more steps than the run has stays near the first, random weights. */
function announceSlowAverage(
  { modelEma, modelEmaDecay, epochs }: RunConfig,
  stepsOfEpoch: number,
  notice: (line: string) => void,
): void {
  const horizon = 1 / (1 - modelEmaDecay);
  const steps = epochs * stepsOfEpoch;
  if (!modelEma || horizon <= steps / 2) return;
  notice(
    `the moving average (decay ${modelEmaDecay}) looks back over about ${Math.round(horizon)} steps, the run has ${steps}: lower --model-ema-decay.`,
  );
}
