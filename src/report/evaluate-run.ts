import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import type { EngineOptions } from '../runtime/engines/choose.js';
import { evaluateData, type EvaluateDataHooks, type EvaluationReport } from '../eval/evaluate-data.js';
import { PER_CLASS, writePerClass, type PerClass } from '../eval/per-class.js';
import { mergeConfig, readConfigFile } from '../train/load-config.js';
import { RunFolder } from '../train/run-folder.js';
import { openValidation, type LeftOut } from '../train/train-data.js';
import { readRuns } from './run-record.js';

export interface EvaluateRunOptions {
  /** Weights of the run to score. Default: its best. */
  readonly weights?: string;
  /** Images to score, in place of the validation images of the run. */
  readonly data?: string;
  readonly batchSize: number;
  /** What executes the model. Default: TF.js, operation by operation. */
  readonly engine?: EngineOptions;
  /** Names of samples that cannot be read. */
  readonly leaveOut?: LeftOut;
}

export interface EvaluateRunHooks extends EvaluateDataHooks {
  readonly notice: (line: string) => void;
}

/**
 * The folder of a run's best weights: of its moving average or the model's own, whichever had the higher top-1 in an epoch, and of equal ones the lower
 * loss. Undefined where the run has none.
 */
export async function bestWeights(path: string): Promise<string | undefined> {
  const [run] = await readRuns([path]);
  const scores = run!.epochs.flatMap((line) => [
    { folder: 'best-ema', top1: line.test_ema_acc1 ?? -1, loss: line.test_ema_loss ?? Infinity },
    { folder: 'best', top1: line.test_acc1 ?? -1, loss: line.test_loss ?? Infinity },
  ]);
  return scores
    .sort((a, b) => b.top1 - a.top1 || a.loss - b.loss)
    .map(({ folder }) => join(path, folder))
    .find((folder) => existsSync(join(folder, 'model.safetensors')));
}

/** Scores weights of a run on its validation images and keeps the results by class in the run folder. */
export async function evaluateRun(
  path: string,
  options: EvaluateRunOptions,
  hooks: EvaluateRunHooks,
): Promise<EvaluationReport & { readonly weights: string; readonly perClass: PerClass }> {
  const { data, batchSize, engine, leaveOut } = options;
  const weights = options.weights ?? (await bestWeights(path));
  if (weights === undefined)
    throw new UserError(
      `${path} has no best weights to evaluate: expected best/ or best-ema/, which a run with validation images writes.`,
    );
  const config = mergeConfig(await readConfigFile(RunFolder.configFile(path)));
  const val = data ?? (await openValidation(config, { data: { source: weights } }, hooks.notice, leaveOut));
  if (val === undefined)
    throw new UserError(`${path}: the run had no validation images: say with --data what to evaluate it on.`);
  const report = await evaluateData({ weights, data: val, batchSize, engine, perClass: true }, hooks);
  await writePerClass(join(path, PER_CLASS), report.perClass!);
  return { ...report, weights, perClass: report.perClass! };
}
