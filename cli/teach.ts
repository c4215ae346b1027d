import type { Command } from 'commander';
import { runConfigSchema, type OptionGroup, type RunConfigKey } from '../src/train/config.js';
import { addComputeOptions, type ComputeOptions } from './shared/options.js';
import { Output } from './shared/output.js';
import { addRecipeOptions, givenFlags, optionsOf, type RecipeOptions } from './train.js';

export interface TeachCommandOptions extends ComputeOptions, RecipeOptions {
  dryRun?: boolean;
}

/** Options that change what the teacher sees, or what is kept of what it says. Others are taken and of no matter, so that the command line of a run can be given. */
const GROUPS: readonly OptionGroup[] = ['Model and data', 'Augmentation', 'Mixing'];
const KEYS: readonly RunConfigKey[] = ['epochs', 'batchSize', 'compat', 'distillationType', 'overfitBatches'];

export function registerTeachCommand(program: Command): void {
  const command = addRecipeOptions(
    program
      .command('teach')
      .summary('ask a teacher once about all images of a run, and keep what it says')
      .description(
        'Runs a teacher over every batch of a run, augmented and mixed as the run will have it, and keeps what the loss needs in the folder --teacher-cache: two ' +
          'bytes an image for hard distillation, logits for soft. Runs with the same data, augmentation, batch and seed then train without a teacher, with the same ' +
          'losses. It takes the options of `recnext train`. Stopped or killed, the same command goes on.',
      ),
  ).option('--dry-run', 'say how large the cache will be, and how long it takes; write nothing');
  for (const [key, schema] of Object.entries(runConfigSchema.shape)) {
    if (key === 'seed') continue;
    const { group } = schema.meta() ?? {};
    const matters =
      GROUPS.some((known) => known === group) ||
      KEYS.some((known) => known === key) ||
      key.startsWith('teacher');
    for (const option of optionsOf(key as RunConfigKey))
      command.addOption(matters ? option : option.hideHelp());
  }
  addComputeOptions(command).action(async (options: TeachCommandOptions) => {
    const { runTeachCommand } = await import('./teach-run.js');
    await runTeachCommand(options, givenFlags(command, options), new Output(options));
  });
}
