import { availableParallelism } from 'node:os';
import { dryRun } from '../src/train/dry-run.js';
import { formatConfig, mergeConfig, type ConfigLayer } from '../src/train/load-config.js';
import { optionName } from '../src/train/config.js';
import { resumeRun, startRun } from '../src/train/run.js';
import { UsageError } from '../src/errors.js';
import { dryRunText } from './dry-run-text.js';
import { findBatchSizeCommand } from './find-batch-size.js';
import { startCompute } from './shared/compute.js';
import type { Output } from './shared/output.js';
import { recipeLayers } from './shared/recipe-layers.js';
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
  if (options.findBatchSize) {
    await findBatchSizeCommand(process.argv.slice(2), layers, options, output);
    return;
  }
  const start = performance.now();
  const { backend, engine } = await startCompute(options, output, 'training');
  const stop = new StopSignal(output);
  const progress = new TrainProgress(output);
  const machine = describeMachine(options, backend, engine.engine);
  const hooks = { ...runHooks(engine, output, stop, progress), machine };
  try {
    if (options.dryRun) {
      const report = await dryRun(layers, hooks);
      output.result(report, dryRunText(report));
      return;
    }
    const result =
      resume === undefined
        ? await startRun(layers, hooks)
        : await resumeRun(resume, layers.at(-1)!, hooks, { force: options.forceResume });
    const { json, lines } = runSummary(result, (performance.now() - start) / 1000);
    output.result(json, lines.join('\n'));
  } finally {
    progress.end();
    stop.dispose();
  }
  stop.throwIfStopped();
}

/** A line on what computes a run, for its config.yaml. */
function describeMachine({ device, threads }: TrainCommandOptions, backend: string, engine: string): string {
  const parts = [
    `engine ${engine}`,
    `backend ${backend}`,
    `device ${device}`,
    `threads ${threads ?? availableParallelism()}`,
    `Node.js ${process.versions.node} on ${process.platform} ${process.arch}`,
  ];
  return parts.join(', ');
}

/** What the options of a run are put together from; later layers win. */
async function layersOf(
  { preset, config, resume, ...choices }: TrainCommandOptions,
  flags: Readonly<Record<string, unknown>>,
): Promise<ConfigLayer[]> {
  if (resume !== undefined && (config ?? preset) !== undefined)
    throw new UsageError(
      `--resume goes on with the configuration of the run: leave ${config === undefined ? '--preset' : '--config'} away.`,
    );
  const alone = (['printConfig', 'dryRun', 'findBatchSize'] as const).filter((key) => choices[key]);
  if (alone.length > 1 || (alone.length > 0 && resume !== undefined))
    throw new UsageError(
      `--${optionName(alone[0]!)} goes alone: leave --${optionName(alone[1] ?? 'resume')} away.`,
    );
  return recipeLayers({ preset, config }, flags);
}
