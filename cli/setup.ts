import type { Command } from 'commander';
import { UserError } from '../src/errors.js';
import { addOutputOptions, type OutputOptions } from './shared/options.js';
import { Output } from './shared/output.js';

interface SetupCommandOptions extends OutputOptions {
  gpu?: boolean;
}

export function registerSetupCommand(program: Command): void {
  const command = program
    .command('setup')
    .summary('install the native parts: TensorFlow for the node backend')
    .description(
      'Makes the node backend work: what @tensorflow/tfjs-node-gpu installed by itself, else TensorFlow from PyPI and an addon built on it. ' +
        'Downloads are kept in the user’s cache folder (RECNEXT_CACHE chooses another). Without it everything runs on wasm, slower.',
    )
    .option('--gpu', 'TensorFlow with CUDA: 3.4 GB to fetch, 5.3 GB to keep');
  addOutputOptions(command).action(async (options: SetupCommandOptions) => {
    const { setup } = await import('../src/runtime/setup/setup.js');
    const { setupLog } = await import('./setup-log.js');
    const output = new Output(options);
    const log = setupLog(output);
    const result = await setup({ gpu: options.gpu, log });
    log.clear();
    const text = result.native
      ? `${result.changed ? 'done' : 'nothing to do'}: the node backend works` +
        (result.tensorflow === undefined
          ? ''
          : ` on TensorFlow ${result.tensorflow.version} (${result.gpu ? 'GPU' : 'CPU'}, ${result.tensorflow.path})`)
      : undefined;
    if (result.native) {
      output.info(text!);
      output.info(
        'path' in result.operations
          ? `operations of our own for this processor are built (${result.operations.path})`
          : `operations of our own, which make training faster, are not built: ${result.operations.reason}`,
      );
    } else if (!options.gpu)
      output.warn(
        `the node backend is not available: ${result.problem} Meanwhile everything runs on wasm, several times slower; run \`recnext setup\` again when this is solved.`,
      );
    if (output.json) {
      const { doctor } = await import('../src/runtime/doctor.js');
      output.result({ ...(await doctor()), setup: result }, '');
    }
    if (!result.native && options.gpu) throw new UserError(`setup --gpu: ${result.problem}`);
  });
}
