import type { Command } from 'commander';
import { addComputeOptions, integer, type ComputeOptions } from './shared/options.js';
import { Output } from './shared/output.js';

export interface ReportCommandOptions extends ComputeOptions {
  output: string;
  perClass?: boolean;
  data?: string;
  batchSize: number;
}

export function registerReportCommand(program: Command): void {
  const command = program
    .command('report')
    .summary('one HTML page about one or several runs')
    .description(
      'Writes one self-contained page: curves of the runs over each other, best and last epochs, what differs between their configurations, accuracy by class ' +
        'and the most confused pairs with their pictures. It needs no network and no other file.',
    )
    .argument('<run...>', 'run folders, or log.txt files alone (those of the PyTorch original as well)')
    .option('-o, --output <file>', 'page to write', 'report.html')
    .option(
      '--per-class',
      'evaluate the best weights of each run by class first, and keep the results with the run',
    )
    .option('--data <source>', 'images for --per-class (default: the validation images of each run)')
    .option('--batch-size <n>', 'images at a time', integer(1, 65536), 64);
  addComputeOptions(command).action(async (runs: string[], options: ReportCommandOptions) => {
    const { runReportCommand } = await import('./report-run.js');
    await runReportCommand(runs, options, new Output(options));
  });
}
