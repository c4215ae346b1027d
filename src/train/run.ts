import { join } from 'node:path';
import { UsageError } from '../errors.js';
import { writeFileAtomic } from '../runtime/files.js';
import type { EngineOptions } from '../runtime/engines/choose.js';
import { optionName, type RunConfig, type RunConfigKey } from './config.js';
import { formatConfig, mergeConfig, readConfigFile, type ConfigLayer } from './load-config.js';
import { prepareRun, type PrepareHooks } from './prepare.js';
import { RunFolder } from './run-folder.js';
import { train, type TrainParts, type TrainResult } from './train.js';
import { watchRun, type WatchHooks } from './watch.js';

/** The hooks of fetching count where weights are not on this machine. */
export interface RunHooks extends WatchHooks, PrepareHooks {
  /** Told what a user may not expect, a line each. */
  readonly notice: (line: string) => void;
  /** What executes the step. Default: TF.js, operation by operation. */
  readonly engine?: EngineOptions;
  /** The run is about to begin. */
  onStart?(config: RunConfig, folder: string): void;
}

/** Options that may change when a run is resumed: where its files are now, how often it is saved, what is written to watch it. */
const MAY_CHANGE: readonly RunConfigKey[] = [
  'data',
  'val',
  'teacherPath',
  'saveFreq',
  'tensorboard',
  'tbHistograms',
  'tbImages',
];

/** Begins a run in a new folder. */
export async function startRun(layers: readonly ConfigLayer[], hooks: RunHooks): Promise<TrainResult> {
  const config = mergeConfig(...layers);
  const path = config.outputDir ?? join('checkpoints', config.model, timestamp());
  RunFolder.refuseUsed(path);
  const prepared = await prepareRun(config, undefined, hooks);
  const folder = await RunFolder.create(path, formatConfig(config), hooks.notice);
  try {
    hooks.onStart?.(config, path);
    return await trainAndDispose({ ...prepared, config, folder }, hooks);
  } finally {
    folder.close();
  }
}

/**
 * Goes on with the run in a run folder, or from one of its checkpoints, with the configuration it was begun with.
 *
 * @param flags given now: they must agree with that configuration, but for those that may change
 */
export async function resumeRun(path: string, flags: ConfigLayer, hooks: RunHooks): Promise<TrainResult> {
  const folder = await RunFolder.open(RunFolder.resolve(path).folder, hooks.notice);
  try {
    // Only now that the folder is ours: another process may have gone on in between.
    const { checkpoint } = RunFolder.resolve(path);
    const file = RunFolder.configFile(folder.path);
    const saved = await readConfigFile(file);
    const config = mergeConfig(saved, flags);
    refuseChanges(mergeConfig(saved), config, flags, file);
    if (checkpoint === undefined) hooks.notice(`${folder.path} has no checkpoint yet: the run begins anew.`);
    const prepared = await prepareRun(config, checkpoint, hooks);
    // Only what could be prepared: a refused resume leaves the run as it was.
    await folder.writing(() => writeFileAtomic(file, formatConfig(config)));
    hooks.onStart?.(config, folder.path);
    return await trainAndDispose({ ...prepared, config, folder, checkpoint }, hooks);
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
    parts.teacher?.dispose();
  }
}

function refuseChanges(saved: RunConfig, now: RunConfig, flags: ConfigLayer, file: string): void {
  for (const key of Object.keys(flags.values) as RunConfigKey[]) {
    if (MAY_CHANGE.includes(key) || JSON.stringify(saved[key]) === JSON.stringify(now[key])) continue;
    throw new UsageError(
      `${flags.nameOf(key)} ${String(now[key])} is not what the run has (${optionName(key)}: ${String(saved[key])} in ${file}). ` +
        `A resumed run keeps its configuration: leave the option away, or start a new run with -o.`,
    );
  }
}

/** 2026-01-31-235959, local time. */
function timestamp(): string {
  const now = new Date();
  const two = (value: number) => String(value).padStart(2, '0');
  const date = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join('-');
  return `${date}-${[now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join('')}`;
}
