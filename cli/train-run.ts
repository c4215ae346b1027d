import {
  flagLayer,
  formatConfig,
  mergeConfig,
  readConfigFile,
  type ConfigLayer,
} from '../src/train/load-config.js';
import { readPreset } from '../src/train/presets.js';
import { resumeRun, startRun } from '../src/train/run.js';
import { UsageError } from '../src/errors.js';
import { startCompute } from './shared/compute.js';
import type { Output } from './shared/output.js';
import { runHooks, runSummary } from './shared/run-hooks.js';
import { StopSignal } from './shared/stop-signal.js';
import { TrainProgress } from './train-progress.js';
import type { TrainCommandOptions } from './train.js';

/** @param flags the options of the run that were given on the command line */
export async function runTrainCommand(
  options: TrainCommandOptions,
  flags: Readonly<Record<string, unknown>>,
  output: Output,
): Promise<void> {
  const { resume } = options;
  const layers = await layersOf(options, flags);
  if (options.printConfig) {
    const config = mergeConfig(...layers);
    output.result(config, formatConfig(config).trimEnd());
    return;
  }
  const start = performance.now();
  const { engine } = await startCompute(options, output, 'training');
  const stop = new StopSignal(output);
  const progress = new TrainProgress(output);
  const hooks = runHooks(engine, output, stop, progress);
  try {
    const result =
      resume === undefined ? await startRun(layers, hooks) : await resumeRun(resume, layers.at(-1)!, hooks);
    const { json, lines } = runSummary(result, (performance.now() - start) / 1000);
    output.result(json, lines.join('\n'));
  } finally {
    progress.end();
    stop.dispose();
  }
  stop.throwIfStopped();
}

/** What the options of a run are put together from; later layers win. */
async function layersOf(
  { preset, config, resume }: TrainCommandOptions,
  flags: Readonly<Record<string, unknown>>,
): Promise<ConfigLayer[]> {
  if (resume !== undefined && (config ?? preset) !== undefined)
    throw new UsageError(
      `--resume goes on with the configuration of the run: leave ${config === undefined ? '--preset' : '--config'} away.`,
    );
  return [
    ...(preset === undefined ? [] : [await readPreset(preset)]),
    ...(config === undefined ? [] : [await readConfigFile(config)]),
    flagLayer(flags),
  ];
}
