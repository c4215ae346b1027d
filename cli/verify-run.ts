import Table from 'cli-table3';
import { UserError } from '../src/errors.js';
import { verifyCheckpoint, type VerifyCheck } from '../src/eval/verify/verify.js';
import { startCompute } from './shared/compute.js';
import { showDownloads } from './shared/download-progress.js';
import type { Output } from './shared/output.js';
import { COMPACT } from './shared/table.js';
import type { VerifyCommandOptions } from './verify.js';

export async function runVerifyCommand(options: VerifyCommandOptions, output: Output): Promise<void> {
  const { backend } = await startCompute(options, output, 'layers');
  const result = await verifyCheckpoint({ ...options, ...showDownloads(output) });
  result.notes.forEach((note) => output.info(note));
  const verdict = `${result.model} on ${backend}: ${result.passed ? 'passed' : 'FAILED'}, worst layer ${result.worstLayer}`;
  output.result({ ...result, backend }, [...result.checks.map(text), verdict].join('\n'));
  if (!result.passed)
    throw new UserError(`${options.weights}: differences beyond rounding; worst layer ${result.worstLayer}`);
}

function text({ title, layers, worst, passed }: VerifyCheck): string {
  const table = new Table({
    head: ['layer', 'largest difference', 'relative', 'limit', ''],
    colAligns: ['left', 'right', 'right', 'right', 'left'],
    ...COMPACT,
  });
  for (const row of layers) {
    const mark = row === worst ? 'worst' : '';
    const over = row.relative <= row.limit ? mark : 'BEYOND';
    table.push([
      row.layer,
      row.maxAbsDiff.toExponential(2),
      row.relative.toExponential(2),
      row.limit.toExponential(0),
      over,
    ]);
  }
  return `${title}: ${passed ? 'passed' : 'FAILED'}\n${table.toString()}\n`;
}
