import { finetune } from '../src/finetune/finetune.js';
import type { FinetuneCommandOptions } from './finetune.js';
import { startCompute } from './shared/compute.js';
import type { Output, Progress } from './shared/output.js';
import { runHooks, runSummary } from './shared/run-hooks.js';
import { StopSignal } from './shared/stop-signal.js';
import { TrainProgress } from './train-progress.js';

/** @param flags the options of the run that were given on the command line */
export async function runFinetuneCommand(
  photos: string,
  options: FinetuneCommandOptions,
  flags: Readonly<Record<string, unknown>>,
  output: Output,
): Promise<void> {
  const start = performance.now();
  const { engine } = await startCompute(options, output, 'training');
  const stop = new StopSignal(output);
  const progress = new TrainProgress(output);
  let bar: Progress | undefined;
  const shown = (label: string) => ({
    onStart: (images: number) => {
      bar = output.progress(label, images);
    },
    onProgress: (images: number) => bar?.update(images),
  });
  const hooks = runHooks(engine, output, stop, progress);
  try {
    const result = await finetune(
      { photos, from: options.from, weights: options.weights, flags },
      {
        ...hooks,
        notice: (line) => {
          bar?.done();
          bar = undefined;
          hooks.notice(line);
        },
        photos: shown('looking through the pictures'),
        evaluation: shown('evaluating the weights'),
      },
    );
    const { folder, classes, images, skipped, finished } = result;
    const { json, lines } = runSummary(result, (performance.now() - start) / 1000);
    bar?.done();
    output.result(
      { ...json, folder, classes, images, skipped, ...(finished && { finished }) },
      [
        ...lines,
        ...(finished
          ? [
              `weights: ${finished.weights}, top-1 ${finished.top1.toFixed(2)} %`,
              `report: ${finished.report}`,
              `for the web: ${finished.web}`,
            ]
          : []),
      ].join('\n'),
    );
  } finally {
    bar?.done();
    progress.end();
    stop.dispose();
  }
  stop.throwIfStopped();
}
