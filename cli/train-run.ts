import type { Evaluation } from '../src/eval/evaluate.js';
import {
  describeConfig,
  flagLayer,
  formatConfig,
  mergeConfig,
  readConfigFile,
  type ConfigLayer,
} from '../src/train/load-config.js';
import { readPreset } from '../src/train/presets.js';
import { resumeRun, startRun, type RunHooks } from '../src/train/run.js';
import { UsageError } from '../src/errors.js';
import { startCompute } from './shared/compute.js';
import { showDownloads } from './shared/download-progress.js';
import type { Output } from './shared/output.js';
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
  const hooks: RunHooks = {
    engine,
    signal: stop.signal,
    notice: (line) => output.info(line),
    warn: (line) => output.warn(line),
    startProgress: showDownloads(output).startProgress,
    onStart: (resolved, folder) => {
      describeConfig(resolved).forEach((line) => output.info(line));
      output.info(`run folder: ${folder}`);
      progress.start(resolved.epochs);
    },
    onStep: (info) => progress.step(info),
    onValidate: (images, of) => progress.validate(images, of),
    onEpoch: (line) => progress.epochDone(line),
  };
  try {
    const result =
      resume === undefined ? await startRun(layers, hooks) : await resumeRun(resume, layers.at(-1)!, hooks);
    const { epochs, steps, stopped, raw, ema, best, checkpoint } = result;
    const seconds = (performance.now() - start) / 1000;
    output.result(
      { epochs, steps, ...scores(raw), ...(ema && { ema: scores(ema) }), best, stopped, checkpoint, seconds },
      [
        `${stopped ? 'stopped' : 'done'} after ${epochs} epochs and ${steps} steps`,
        ...(raw
          ? [`top-1 ${raw.top1.toFixed(2)} %${ema ? `, moving average ${ema.top1.toFixed(2)} %` : ''}`]
          : []),
        `checkpoint: ${checkpoint}`,
      ].join('\n'),
    );
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

function scores(evaluation: Evaluation | undefined): Partial<Pick<Evaluation, 'top1' | 'top5' | 'loss'>> {
  return evaluation ? { top1: evaluation.top1, top5: evaluation.top5, loss: evaluation.loss } : {};
}
