import type { Command } from 'commander';
import { addModelSizeOptions, type ModelSizeOptions } from './options.js';

/** Which model, with which weights. */
export interface ClassifierCommandOptions extends ModelSizeOptions {
  model?: string;
  weights?: string;
  pretrained?: boolean;
  randomWeights?: boolean;
  fuse?: boolean;
  classes?: string;
}

export function addClassifierOptions(command: Command): Command {
  return addModelSizeOptions(
    command
      .option('--model <name>', 'model (default: as the weights say)')
      .option('--weights <path>', 'file or folder of weights, hf://owner/repo or https://…')
      .option('--pretrained', 'the published weights of the model (a tag chooses: recnext_m3.dist_300e_in1k)')
      .option('--random-weights', 'weights drawn at random, to measure speed')
      .option('--fuse', 'fold the batch norms first')
      .option('--classes <file>', 'names of the classes, a line each'),
  );
}
