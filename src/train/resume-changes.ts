import { UsageError } from '../errors.js';
import { optionName, type RunConfig, type RunConfigKey } from './config.js';
import type { ConfigLayer } from './load-config.js';

/** Options that may change when a run is resumed: where its files are now, how often it is saved, what is written to watch it. */
const MAY_CHANGE: readonly RunConfigKey[] = [
  'data',
  'val',
  'teacherPath',
  'teacherCache',
  'teacherCacheCheck',
  'workers',
  'onError',
  'cacheDir',
  'cacheLimit',
  'saveFreq',
  'saveSteps',
  'checkpointHist',
  'patience',
  'onNan',
  'tensorboard',
  'tbHistograms',
  'tbImages',
];

/** Options that say what is in a checkpoint: not even `--force-resume` changes them. */
const NEVER_CHANGE: readonly RunConfigKey[] = ['model', 'numClasses', 'opt', 'modelEma', 'freeze'];

/**
 * Refuses flags that a resumed run cannot have.
 *
 * @param saved the configuration of the run
 * @param now the same with the flags
 * @param file where `saved` stands
 * @param force allow what the checkpoint can be gone on with
 */
export function refuseChanges(
  saved: RunConfig,
  now: RunConfig,
  flags: ConfigLayer,
  file: string,
  force: boolean,
): void {
  for (const key of Object.keys(flags.values) as RunConfigKey[]) {
    if (MAY_CHANGE.includes(key) || JSON.stringify(saved[key]) === JSON.stringify(now[key])) continue;
    const forbidden = NEVER_CHANGE.includes(key);
    if (force && !forbidden) continue;
    throw new UsageError(
      `${flags.nameOf(key)} ${String(now[key])} is not what the run has (${optionName(key)}: ${String(saved[key])} in ${file}). ` +
        (forbidden
          ? 'The checkpoint cannot be gone on with so: start a new run from its weights with --finetune.'
          : 'A resumed run keeps its configuration: leave the option away, change it with --force-resume, or start a new run with -o.'),
    );
  }
}
