import type { Command } from 'commander';
import { addComputeOptions, type ComputeOptions } from './shared/options.js';
import { Output } from './shared/output.js';

export interface VerifyCommandOptions extends ComputeOptions {
  weights: string;
  model?: string;
  which?: string;
}

export function registerVerifyCommand(program: Command): void {
  const command = program
    .command('verify')
    .summary('a checkpoint and this machine against the reference, layer by layer')
    .description(
      'Compares this implementation with numbers of the PyTorch one, these weights on this backend with the plain JavaScript backend, and fused ' +
        'with unfused; prints the largest difference of each layer and names the worst. Exit code 1 if any is beyond rounding.',
    )
    .requiredOption('--weights <path>', 'file or folder of weights, hf://owner/repo or https://…')
    .option('--model <name>', 'the model it must be. Default: found from names and shapes')
    .option(
      '--which <set>',
      'the weights to take where a file holds several: model, ema or a key. Default: model',
    );
  addComputeOptions(command).action(async (options: VerifyCommandOptions) => {
    const { runVerifyCommand } = await import('./verify-run.js');
    await runVerifyCommand(options, new Output(options));
  });
}
