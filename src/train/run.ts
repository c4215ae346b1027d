import { statSync } from 'node:fs';
import { join } from 'node:path';
import { readModel } from '../convert/read-model.js';
import { writeFileAtomic } from '../runtime/files.js';
import { requireSameData } from './checkpoint.js';
import type { RunConfig } from './config.js';
import { formatConfig, mergeConfig, readConfigFile, type ConfigLayer } from './load-config.js';
import { prepareRun, type PrepareHooks } from './prepare.js';
import { readReferenceCheckpoint, referenceOptions } from './reference-checkpoint.js';
import { refuseChanges } from './resume-changes.js';
import { RunFolder } from './run-folder.js';
import { train, type TrainParts, type TrainResult } from './train.js';
import { watchRun, type WatchHooks } from './watch.js';

/** The hooks of fetching count where weights are not on this machine. */
export interface RunHooks extends WatchHooks, PrepareHooks {
  /** Told what a user may not expect, a line each. */
  readonly notice: (line: string) => void;
  /** What computes the run (backend, engine, device), written into config.yaml for people. */
  readonly machine?: string;
  /** The run is about to begin. */
  onStart?(config: RunConfig, folder: string): void;
}

/** Begins a run in a new folder. */
export async function startRun(layers: readonly ConfigLayer[], hooks: RunHooks): Promise<TrainResult> {
  const config = mergeConfig(...layers);
  const path = config.outputDir ?? join('checkpoints', config.model, timestamp());
  RunFolder.refuseUsed(path);
  const prepared = await prepareRun(config, undefined, hooks);
  return runIn(path, { ...prepared, config }, hooks);
}

/** Trains in a new folder. */
async function runIn(path: string, parts: Omit<TrainParts, 'folder'>, hooks: RunHooks): Promise<TrainResult> {
  const folder = await RunFolder.create(path, formatConfig(parts.config, hooks.machine), hooks.notice);
  try {
    hooks.onStart?.(parts.config, path);
    return await trainAndDispose({ ...parts, folder }, hooks);
  } finally {
    folder.close();
  }
}

/**
 * Goes on with the run of a checkpoint that the reference's main.py wrote, in a folder of its own.
 *
 * @param flags given now: where the data is, and what is to be otherwise than in that run
 */
async function resumeReference(path: string, flags: ConfigLayer, hooks: RunHooks): Promise<TrainResult> {
  const reference = await readReferenceCheckpoint(path);
  const options = referenceOptions(reference);
  // Names that are not ours stand for what the weights are.
  const model = options.values.model ?? (await readModel({ weights: path })).config.name;
  const config = mergeConfig({ ...options, values: { ...options.values, model } }, flags);
  const folder = config.outputDir ?? join('checkpoints', config.model, timestamp());
  RunFolder.refuseUsed(folder);
  const prepared = await prepareRun(config, path, hooks);
  return runIn(folder, { ...prepared, config, reference }, hooks);
}

export interface ResumeOptions {
  /** Go on although data or options changed, where a checkpoint can be gone on with at all. */
  readonly force?: boolean;
}

/**
 * Goes on with the run in a run folder, from one of its checkpoints, or from a checkpoint of the reference's main.py, with the configuration
 * it was begun with.
 *
 * @param flags given now: they must agree with that configuration, but for those that may change
 */
export async function resumeRun(
  path: string,
  flags: ConfigLayer,
  hooks: RunHooks,
  { force = false }: ResumeOptions = {},
): Promise<TrainResult> {
  if (statSync(path, { throwIfNoEntry: false })?.isFile()) return resumeReference(path, flags, hooks);
  const folder = await RunFolder.open(RunFolder.resolve(path).folder, hooks.notice);
  try {
    // Only now that the folder is ours: another process may have gone on in between.
    const { checkpoint } = RunFolder.resolve(path);
    const file = RunFolder.configFile(folder.path);
    const saved = await readConfigFile(file);
    const config = mergeConfig(saved, flags);
    refuseChanges(mergeConfig(saved), config, flags, file, force);
    if (checkpoint === undefined) hooks.notice(`${folder.path} has no checkpoint yet: the run begins anew.`);
    const prepared = await prepareRun(config, checkpoint, hooks);
    if (checkpoint !== undefined && !force) {
      const { train, dataDigest: digest } = prepared;
      const data = { samples: train.samples, batchSize: config.batchSize, digest };
      await requireSameData(checkpoint, data);
    }
    // Only what could be prepared: a refused resume leaves the run as it was.
    await folder.writing(() => writeFileAtomic(file, formatConfig(config, hooks.machine)));
    hooks.onStart?.(config, folder.path);
    return await trainAndDispose({ ...prepared, config, folder, checkpoint, forceResume: force }, hooks);
  } finally {
    folder.close();
  }
}

/** The models live as long as the run. */
async function trainAndDispose(parts: TrainParts, hooks: RunHooks): Promise<TrainResult> {
  const watched = watchRun({ ...parts, engine: hooks.engine }, hooks);
  try {
    return await train(watched.parts, watched.hooks);
  } finally {
    await watched.close();
    parts.model.dispose();
    await parts.teacher?.dispose();
  }
}

/** 2026-01-31-235959, local time. */
function timestamp(): string {
  const now = new Date();
  const two = (value: number) => String(value).padStart(2, '0');
  const date = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join('-');
  return `${date}-${[now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join('')}`;
}
