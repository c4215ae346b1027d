import type { Command } from 'commander';
import { runConfigSchema, type RunConfigKey } from '../src/train/config.js';
import { addComputeOptions, type ComputeOptions } from './shared/options.js';
import { Output } from './shared/output.js';
import { givenFlags, optionsOf } from './train.js';

export interface FinetuneCommandOptions extends ComputeOptions {
  from: string;
  weights?: string;
}

/** Options that the command answers itself, or that `addComputeOptions` brings. */
const OTHERS: readonly RunConfigKey[] = ['seed', 'model', 'data', 'finetune'];

export function registerFinetuneCommand(program: Command): void {
  const command = program
    .command('finetune')
    .summary('a classifier of your own pictures, from a folder of them')
    .description(
      'Fine-tunes a pretrained model on a folder of class folders: keeps a part of each class apart to check with, chooses the recipe by the number of pictures, ' +
        'trains, evaluates, and writes a report and a folder for a web page. The same command goes on with a run that was stopped.',
    )
    .argument('<photos>', 'folder of class folders, or of train and val folders with class folders in them')
    .requiredOption('--from <model>', 'model whose published weights to start from, or weights of your own')
    .option('--weights <path>', 'weights of that model in place of the published ones');
  for (const key of Object.keys(runConfigSchema.shape) as RunConfigKey[])
    if (!OTHERS.includes(key)) for (const option of optionsOf(key, false)) command.addOption(option);
  addComputeOptions(command).action(async (photos: string, options: FinetuneCommandOptions) => {
    const { runFinetuneCommand } = await import('./finetune-run.js');
    await runFinetuneCommand(photos, options, givenFlags(command, options), new Output(options));
  });
}
