import { Option, type Command } from 'commander';
import { addCacheOptions, type CacheOptions } from './shared/cache-options.js';
import { addClassifierOptions, type ClassifierCommandOptions } from './shared/classifier-options.js';
import {
  addComputeOptions,
  addWorkersOption,
  integer,
  type ComputeOptions,
  type WorkersOption,
} from './shared/options.js';
import { Output } from './shared/output.js';
import { addPreprocessingOptions, type PreprocessingOptions } from './shared/preprocessing-options.js';

export interface EvalCommandOptions
  extends ComputeOptions, ClassifierCommandOptions, WorkersOption, PreprocessingOptions, CacheOptions {
  data: string;
  batchSize: number;
  perClass?: string;
  onError: 'skip' | 'fail';
  tta?: boolean;
}

export function registerEvalCommand(program: Command): void {
  const command = program
    .command('eval')
    .summary('top-1, top-5, loss and images/s on labelled images')
    .description('Scores weights on labelled images, with the preprocessing of the published figures.')
    .requiredOption('--data <source>', 'class folders or shards; of several splits, the validation split')
    .option('--batch-size <n>', 'images at a time', integer(1, 65536), 64)
    .addOption(
      new Option(
        '--on-error <what>',
        'at an image or a shard that cannot be read: score the others and tell of it, or fail',
      )
        .choices(['skip', 'fail'])
        .default('fail'),
    )
    .option('--tta', 'average over each image and its mirror image (twice the time)')
    .option(
      '--per-class <file>',
      'write how each class does, and what it is taken for (JSON, for `recnext report`)',
    );
  addComputeOptions(
    addWorkersOption(addCacheOptions(addPreprocessingOptions(addClassifierOptions(command)))),
  ).action(async (options: EvalCommandOptions) => {
    const { runEvalCommand } = await import('./eval-run.js');
    await runEvalCommand(options, new Output(options));
  });
}
