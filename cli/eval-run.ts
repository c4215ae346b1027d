import { evaluateData } from '../src/eval/evaluate-data.js';
import { writePerClass } from '../src/eval/per-class.js';
import type { EvalCommandOptions } from './eval.js';
import { startCompute } from './shared/compute.js';
import { showDownloads } from './shared/download-progress.js';
import type { Output, Progress } from './shared/output.js';

export async function runEvalCommand(
  { perClass: file, ...options }: EvalCommandOptions,
  output: Output,
): Promise<void> {
  const { backend, engine } = await startCompute(options, output, 'batches');
  let progress: Progress | undefined;
  const { perClass, ...report } = await evaluateData(
    { ...options, engine, perClass: file !== undefined },
    {
      ...showDownloads(output),
      warn: (line) => output.warn(line),
      onStart: (images) => {
        progress = output.progress('evaluating', images);
      },
      onProgress: (images) => progress?.update(images),
    },
  ).finally(() => progress?.done());
  if (file !== undefined && perClass !== undefined) await writePerClass(file, perClass);
  const { model, images, top1, top5, k, loss, imagesPerSecond, pipeline } = report;
  const shards = report.leftOut?.filter(({ kind }) => kind === 'shard').length ?? 0;
  const broken = (report.leftOut?.length ?? 0) - shards;
  output.result(
    { ...report, backend, engine: engine.engine, ...(file !== undefined && { perClass: file }) },
    `${model}: top-1 ${top1.toFixed(3)} %, top-${k} ${top5.toFixed(3)} %, loss ${loss.toFixed(4)} on ${images} images\n` +
      (broken + shards > 0 ? `left out, because broken: ${broken} images, ${shards} shards\n` : '') +
      `${imagesPerSecond.toFixed(1)} images/s (model alone ${pipeline.computeImagesPerSecond.toFixed(1)}) on ${engine.engine === 'eager' ? backend : engine.engine}`,
  );
}
