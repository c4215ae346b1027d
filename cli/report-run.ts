import { UsageError } from '../src/errors.js';
import { writeReport } from '../src/report/write-report.js';
import type { ReportCommandOptions } from './report.js';
import { showDownloads } from './shared/download-progress.js';
import type { Output, Progress } from './shared/output.js';

export async function runReportCommand(
  runs: readonly string[],
  options: ReportCommandOptions,
  output: Output,
): Promise<void> {
  const { output: file, perClass = false, data } = options;
  if (data !== undefined && !perClass)
    throw new UsageError('--data says what to evaluate: it needs --per-class.');
  if (perClass) await evaluateAll(runs, options, output);
  const result = await writeReport(runs, file);
  output.result(
    result,
    `written: ${file} (${runs.length} run${runs.length === 1 ? '' : 's'}, ${(result.bytes / 1e6).toFixed(2)} MB)`,
  );
}

/** TF.js is loaded only when something is to be computed. */
async function evaluateAll(
  runs: readonly string[],
  options: ReportCommandOptions,
  output: Output,
): Promise<void> {
  const { startCompute } = await import('./shared/compute.js');
  const { evaluateRun } = await import('../src/report/evaluate-run.js');
  const { engine } = await startCompute(options, output, 'batches');
  const { data, batchSize } = options;
  for (const run of runs) {
    let progress: Progress | undefined;
    const { weights, top1 } = await evaluateRun(
      run,
      { data, batchSize, engine },
      {
        ...showDownloads(output),
        notice: (line) => output.info(line),
        onStart: (images) => {
          progress = output.progress(`evaluating ${run}`, images);
        },
        onProgress: (images) => progress?.update(images),
      },
    ).finally(() => progress?.done());
    output.info(`${weights}: top-1 ${top1.toFixed(2)} %`);
  }
}
