import { Command, CommanderError } from 'commander';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StoppedError, UserError } from '../src/errors.js';

/** Declares each command, in the order of the help. */
const COMMANDS: Readonly<Record<string, (program: Command) => Promise<void>>> = {
  info: async (program) => (await import('./info.js')).registerInfoCommand(program),
  convert: async (program) => (await import('./convert.js')).registerConvertCommand(program),
  train: async (program) => (await import('./train.js')).registerTrainCommand(program),
  teach: async (program) => (await import('./teach.js')).registerTeachCommand(program),
  finetune: async (program) => (await import('./finetune.js')).registerFinetuneCommand(program),
  eval: async (program) => (await import('./eval.js')).registerEvalCommand(program),
  predict: async (program) => (await import('./predict.js')).registerPredictCommand(program),
  bench: async (program) => (await import('./bench.js')).registerBenchCommand(program),
  verify: async (program) => (await import('./verify.js')).registerVerifyCommand(program),
  report: async (program) => (await import('./report.js')).registerReportCommand(program),
  shards: async (program) => (await import('./shards.js')).registerShardsCommand(program),
  data: async (program) => (await import('./data.js')).registerDataCommand(program),
  setup: async (program) => (await import('./setup.js')).registerSetupCommand(program),
  doctor: async (program) => (await import('./doctor.js')).registerDoctorCommand(program),
};

/**
 * The program: each command is declared in a file of its own with its options, and loads what it computes with only when it
 * runs (`--help` must not load TF.js).
 *
 * @param first first word of the command line: if it is a command, the others are not even declared
 */
export async function createProgram(first?: string): Promise<Command> {
  const program = new Command('recnext')
    .description('RecNeXt image classifiers on TensorFlow.js: train, distil, convert, evaluate and run them.')
    .version(readVersion(), '--version')
    .showSuggestionAfterError()
    // Errors are one line, suggestions included.
    .configureOutput({ outputError: (text, write) => write(`${text.trim().replace(/\s*\n\s*/g, ' ')}\n`) })
    .exitOverride()
    // Everything that fetches looks there, the processes that are started included.
    .hook('preAction', (_, command) => {
      if (command.opts<{ offline?: boolean }>().offline) process.env.HF_HUB_OFFLINE = '1';
    });
  const only = first !== undefined && Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
  for (const declare of only ? [only] : Object.values(COMMANDS)) await declare(program);
  return program;
}

/** `--output_dir` as `--output-dir`: the reference's main.py spells some of its flags so. */
function dashed(word: string): string {
  const [flag] = /^--[a-zA-Z][\w-]*/.exec(word) ?? [''];
  return flag.replaceAll('_', '-') + word.slice(flag.length);
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
    const program = await createProgram(argv[2]);
    await program.parseAsync(argv.map(dashed));
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
