import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { evaluateRun, type EvaluateRunHooks } from '../report/evaluate-run.js';
import { writeReport } from '../report/write-report.js';
import { readPreset } from '../train/presets.js';
import { flagLayer, type ConfigLayer } from '../train/load-config.js';
import { resumeRun, startRun, type RunHooks } from '../train/run.js';
import { RunFolder } from '../train/run-folder.js';
import type { TrainResult } from '../train/train.js';
import { weightsToKeep } from './final-weights.js';
import { lookThrough, trainingImages, type Photos, type PhotosHooks } from './photos.js';
import { HELD_OUT, recipeLayer } from './recipe.js';
import { startingWeights } from './starting-weights.js';
import { writeWebFolder } from './web-folder.js';

export interface FinetuneOptions {
  /** Folder of class folders, or of `train` and `val` with class folders in them. */
  readonly photos: string;
  /** A model's name, or weights. */
  readonly from: string;
  /** Weights of the model `from`, in place of the published ones. */
  readonly weights?: string;
  /** Options of the run that win over the recipe, by their camel-case key. */
  readonly flags: Readonly<Record<string, unknown>>;
}

export interface FinetuneHooks extends RunHooks {
  readonly photos?: PhotosHooks;
  readonly evaluation?: Omit<EvaluateRunHooks, 'notice'>;
}

export interface FinetuneResult extends TrainResult {
  readonly folder: string;
  readonly classes: number;
  /** Pictures that can be read, to learn from and to check with. */
  readonly images: number;
  /** Pictures that cannot. */
  readonly skipped: number;
  /** Where the run was not stopped. */
  readonly finished?: {
    /** The weights that were kept: folder, and how they do on the pictures that were kept apart. */
    readonly weights: string;
    readonly top1: number;
    readonly loss: number;
    /** Folder for a web page. */
    readonly web: string;
    /** The page about the run. */
    readonly report: string;
  };
}

/** Names of unreadable pictures that are told one by one. */
const TOLD = 5;

/**
 * Makes a classifier of a folder of pictures: looks them through, keeps some of each class apart, fine-tunes pretrained weights by a recipe that fits
 * their number, scores the best ones, and writes a report and a folder for a web page. Where the run folder already has a run, that goes on.
 *
 * @throws UserError naming what is wrong with the pictures or the weights, before anything is written
 */
export async function finetune(options: FinetuneOptions, hooks: FinetuneHooks): Promise<FinetuneResult> {
  const photos = await lookThrough(options.photos, { signal: hooks.signal, ...hooks.photos });
  tellUnreadable(photos, hooks);
  const leaveOut = new Set(photos.unreadable.keys());
  const folder = folderOf(options);
  const result = existsSync(RunFolder.configFile(folder))
    ? await goOn(folder, options, { ...hooks, leaveOut })
    : await begin(folder, photos, options, { ...hooks, leaveOut });
  const counts = { classes: photos.classes, images: photos.images, skipped: photos.unreadable.size };
  if (result.stopped) return { ...result, folder, ...counts };
  const { weights, top1, loss, images } = await evaluateRun(
    folder,
    { batchSize: 32, leaveOut, engine: hooks.engine, weights: await weightsToKeep(folder, result) },
    { ...hooks.evaluation, notice: hooks.notice },
  );
  const web = join(folder, 'web');
  await writeWebFolder(weights, web, { top1, images });
  const { file: report } = await writeReport([folder], join(folder, 'report.html'));
  return { ...result, folder, ...counts, finished: { weights, top1, loss, web, report } };
}

/** Named after pictures and model: the same command goes on with the same run. */
function folderOf({ photos, from, flags }: FinetuneOptions): string {
  if (typeof flags.outputDir === 'string') return flags.outputDir;
  const start = basename(resolve(from)).replace(/\.(safetensors|pth|pt|bin)$/, '');
  return join('finetuned', `${basename(resolve(photos))}-${start}`);
}

async function begin(
  folder: string,
  photos: Photos,
  options: FinetuneOptions,
  hooks: FinetuneHooks,
): Promise<TrainResult> {
  const { notice, startProgress, signal, timing } = hooks;
  const start = await startingWeights(options.from, options.weights, {
    notice,
    startProgress,
    signal,
    timing,
  });
  const { model, weights, inputSize } = start;
  const images = trainingImages(photos, HELD_OUT);
  hooks.notice(
    `${photos.images} pictures of ${photos.classes} classes, ${photos.divided ? 'divided already' : `${photos.images - images} of them kept apart to check with`}.`,
  );
  const given: ConfigLayer = {
    values: { model, data: options.photos, finetune: weights, outputDir: folder },
    nameOf: (key) => key,
  };
  const recipe = recipeLayer({ images, classes: photos.classes, inputSize }, options.flags);
  return startRun([await readPreset('finetune'), recipe, given, flagLayer(options.flags)], hooks);
}

async function goOn(
  folder: string,
  { photos, flags }: FinetuneOptions,
  hooks: FinetuneHooks,
): Promise<TrainResult> {
  hooks.notice(`${folder} holds a run: going on with it.`);
  // The folder is known: however its path was written, it is no change.
  const others = Object.entries(flags).filter(([key]) => key !== 'outputDir');
  return resumeRun(folder, flagLayer({ ...Object.fromEntries(others), data: photos }), hooks);
}

function tellUnreadable({ unreadable }: Photos, { notice, warn = notice }: FinetuneHooks): void {
  if (unreadable.size === 0) return;
  [...unreadable.values()].slice(0, TOLD).forEach((problem) => warn(problem));
  warn(
    `${unreadable.size} pictures cannot be read and are left out${unreadable.size > TOLD ? ` (the first ${TOLD} are named above)` : ''}.`,
  );
}
