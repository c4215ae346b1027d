import type { Evaluation } from '../../src/eval/evaluate.js';
import type { EngineOptions } from '../../src/runtime/engines/choose.js';
import { describeConfig } from '../../src/train/load-config.js';
import type { RunHooks } from '../../src/train/run.js';
import type { TrainResult } from '../../src/train/train.js';
import type { TrainProgress } from '../train-progress.js';
import { showDownloads } from './download-progress.js';
import type { Output } from './output.js';
import type { StopSignal } from './stop-signal.js';

/** Shows a run to people, and lets them stop it. */
export function runHooks(
  engine: EngineOptions,
  output: Output,
  stop: StopSignal,
  progress: TrainProgress,
): RunHooks {
  return {
    engine,
    signal: stop.signal,
    notice: (line) => output.info(line),
    warn: (line) => output.warn(line),
    startProgress: showDownloads(output).startProgress,
    onStart: (config, folder) => {
      describeConfig(config).forEach((line) => output.info(line));
      output.info(`run folder: ${folder}`);
      progress.start(config.epochs);
    },
    onStep: (info) => progress.step(info),
    onValidate: (images, of) => progress.validate(images, of),
    onEpoch: (line) => progress.epochDone(line),
  };
}

/** What a run came to, as JSON and for people. */
export function runSummary(
  { epochs, steps, stopped, raw, ema, best, checkpoint }: TrainResult,
  seconds: number,
): { json: object; lines: string[] } {
  return {
    json: {
      epochs,
      steps,
      ...scores(raw),
      ...(ema && { ema: scores(ema) }),
      best,
      stopped,
      checkpoint,
      seconds,
    },
    lines: [
      `${stopped ? 'stopped' : 'done'} after ${epochs} epochs and ${steps} steps`,
      ...(raw
        ? [`top-1 ${raw.top1.toFixed(2)} %${ema ? `, moving average ${ema.top1.toFixed(2)} %` : ''}`]
        : []),
      `checkpoint: ${checkpoint}`,
    ],
  };
}

function scores(evaluation: Evaluation | undefined): Partial<Pick<Evaluation, 'top1' | 'top5' | 'loss'>> {
  return evaluation ? { top1: evaluation.top1, top5: evaluation.top5, loss: evaluation.loss } : {};
}
