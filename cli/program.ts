import { Command, CommanderError } from 'commander';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
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
    // Errors are one line, suggestions included.
    .configureOutput({ outputError: (text, write) => write(`${text.trim().replace(/\s*\n\s*/g, ' ')}\n`) })
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

/** The version in the package's manifest, wherever this file lies in it (sources, build, bundle). */
function readVersion(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (!existsSync(manifest)) continue;
    const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as {
      name?: string;
      version: string;
    };
    if (name === 'recnext') return version;
  }
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
