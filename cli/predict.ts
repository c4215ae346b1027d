import type { Command } from 'commander';
import { addClassifierOptions, type ClassifierCommandOptions } from './shared/classifier-options.js';
import { addComputeOptions, integer, type ComputeOptions } from './shared/options.js';
import { Output } from './shared/output.js';

export interface PredictCommandOptions extends ComputeOptions, ClassifierCommandOptions {
  topK: number;
  logits?: boolean;
}

export function registerPredictCommand(program: Command): void {
  const command = program
    .command('predict')
    .summary('the most probable classes of images')
    .description(
      'Classifies images, a line an image. An image that cannot be read does not keep the others from being done.',
    )
    .argument('<images...>', 'image files (JPEG, PNG, WebP, GIF)')
    .option('--top-k <k>', 'classes to show', integer(1, 1e6), 5)
    .option('--logits', 'give the logits of all classes as well');
  addComputeOptions(addClassifierOptions(command)).action(
    async (images: string[], options: PredictCommandOptions) => {
      const { runPredictCommand } = await import('./predict-run.js');
      await runPredictCommand(images, options, new Output(options));
    },
  );
}
