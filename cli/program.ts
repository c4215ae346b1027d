import { Command, CommanderError } from 'commander';
import { createRequire } from 'node:module';
import { StoppedError, UserError } from '../src/errors.js';
import { registerConvertCommand } from './convert.js';
import { registerDoctorCommand } from './doctor.js';
import { registerEvalCommand } from './eval.js';
import { registerInfoCommand } from './info.js';
import { registerPredictCommand } from './predict.js';
import { registerSetupCommand } from './setup.js';
import { registerTrainCommand } from './train.js';
import { registerVerifyCommand } from './verify.js';

/**
 * The program: each command is declared here with its options, and loads what it computes with only when it runs
 * (`--help` must not load TF.js).
 */
export function createProgram(): Command {
  const program = new Command('recnext')
    .description('RecNeXt image classifiers on TensorFlow.js: train, distil, convert, evaluate and run them.')
    .version(readVersion(), '--version')
    .showSuggestionAfterError()
    .exitOverride();
  registerInfoCommand(program);
  registerConvertCommand(program);
  registerTrainCommand(program);
  registerEvalCommand(program);
  registerPredictCommand(program);
  registerVerifyCommand(program);
  registerSetupCommand(program);
  registerDoctorCommand(program);
  return program;
}

/** The package's own name stands for it from the sources and from the build alike. */
function readVersion(): string {
  return (createRequire(import.meta.url)('recnext/package.json') as { version: string }).version;
}

/** Runs the command line and gives the exit code: 0 done, 1 failed, 2 wrong usage. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync(argv as string[]);
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof UserError) {
      process.stderr.write(`error: ${error.message}\n`);
      return error.exitCode;
    }
    if (error instanceof StoppedError) return error.exitCode;
    throw error;
  }
}
