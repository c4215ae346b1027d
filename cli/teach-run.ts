import { planTeaching, teach } from '../src/train/teach.js';
import { startCompute } from './shared/compute.js';
import { showDownloads } from './shared/download-progress.js';
import { duration } from './shared/duration.js';
import type { Output, Progress } from './shared/output.js';
import { recipeLayers } from './shared/recipe-layers.js';
import { StopSignal } from './shared/stop-signal.js';
import type { TeachCommandOptions } from './teach.js';

const gigabytes = (bytes: number): string =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** @param flags the options of the run that were given on the command line */
export async function runTeachCommand(
  options: TeachCommandOptions,
  flags: Readonly<Record<string, unknown>>,
  output: Output,
): Promise<void> {
  const layers = await recipeLayers(options, flags);
  const { engine } = await startCompute(options, output, 'training');
  const stop = new StopSignal(output);
  let progress: Progress | undefined;
  let started = 0;
  let before = 0;
  const hooks = {
    ...showDownloads(output),
    engine,
    signal: stop.signal,
    onStart: (images: number, of: number) => {
      before = images;
      started = performance.now();
      progress = output.progress('teaching', of);
    },
    onProgress: (images: number, of: number) => {
      const perSecond = (images - before) / ((performance.now() - started) / 1000);
      progress?.update(
        images,
        `${perSecond.toFixed(0)} images/s, ${duration((of - images) / perSecond)} left`,
      );
    },
    notice: (line: string) => output.info(line),
  };
  try {
    if (options.dryRun) {
      const plan = await planTeaching(layers, hooks);
      const { entries, present, bytes, dir, imagesPerSecond, seconds } = plan;
      const lines = [
        `teacher cache: ${dir}`,
        `images:        ${entries.toLocaleString('en')}, ${present.toLocaleString('en')} of them there`,
        `size:          ${gigabytes(bytes)}`,
        ...(seconds === undefined
          ? []
          : [`time:          ${duration(seconds)} at ${imagesPerSecond!.toFixed(1)} images/s`]),
      ];
      output.result(plan, lines.join('\n'));
      return;
    }
    const { present, stopped, ...result } = await teach(layers, hooks);
    progress?.done();
    progress = undefined;
    output.result(
      { ...result, entries: present, wanted: result.entries, stopped },
      `${stopped ? 'stopped' : 'done'}: ${present.toLocaleString('en')} of ${result.entries.toLocaleString('en')} images, ${gigabytes(result.bytes)} in ${result.dir}`,
    );
  } finally {
    progress?.done();
    stop.dispose();
  }
  stop.throwIfStopped();
}
