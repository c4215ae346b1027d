import { Argument, type Command } from 'commander';
import { UsageError } from '../src/errors.js';
import { addModelSizeOptions, addOutputOptions, type OutputOptions } from './shared/options.js';
import { Output } from './shared/output.js';

interface InfoOptions extends OutputOptions {
  csv?: boolean;
  numClasses?: number;
  inputSize?: number;
}

export function registerInfoCommand(program: Command): void {
  const command = program
    .command('info')
    .summary('the models: parameters and operations beside the published table')
    .description(
      'Parameters and multiply-accumulates of the models, counted from their descriptions, beside the published figures. ' +
        'With one model: every layer of it.',
    )
    .addArgument(new Argument('[models...]', 'names; * stands for any text. Default: every RecNeXt'))
    .option('--csv', 'print CSV on stdout');
  addModelSizeOptions(addOutputOptions(command)).action(async (names: string[], options: InfoOptions) => {
    if (options.csv && options.json) throw new UsageError('--csv and --json exclude each other: choose one');
    const { showInfo } = await import('./info-table.js');
    showInfo(names, options, new Output(options));
  });
}
