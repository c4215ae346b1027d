import { InvalidArgumentError, Option, type Command } from 'commander';
import { BACKEND_NAMES } from '../../src/runtime/backend-names.js';
import { ENGINE_NAMES, PRECISIONS, type Precision } from '../../src/runtime/engines/engine.js';

/** Parses a whole number in [min, max] for commander; refuses `12abc`, `1e3x`, NaN. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
      const range = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`;
      throw new InvalidArgumentError(`expected a whole number ${range}, found "${text}".`);
    }
    return value;
  };
}

/** Parses a number in [min, max] for commander. */
export function number(min = -Infinity, max = Infinity): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= min && value <= max)) {
      const range = Number.isFinite(min) || Number.isFinite(max) ? ` from ${min} to ${max}` : '';
      throw new InvalidArgumentError(`expected a number${range}, found "${text}".`);
    }
    return value;
  };
}

const BACKENDS = ['auto', ...BACKEND_NAMES] as const;
const ENGINES = ['auto', ...ENGINE_NAMES] as const;

/** Options that every command has. */
export interface OutputOptions {
  json?: boolean;
  quiet?: boolean;
}

export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'print JSON on stdout and nothing else there')
    .option('--quiet', 'no progress and no notes on stderr');
}

/** Options of the commands that compute. */
export interface ComputeOptions extends OutputOptions {
  backend: (typeof BACKENDS)[number];
  engine: (typeof ENGINES)[number];
  device: string;
  threads?: number;
  amp?: Precision;
  offline?: boolean;
  seed: number;
}

/** @param engine how the engine is asked for, where not one of them is to be */
export function addComputeOptions(
  command: Command,
  engine = new Option('--engine <name>', 'what executes compiled graphs').choices(ENGINES).default('auto'),
): Command {
  return addOutputOptions(command)
    .addOption(new Option('--backend <name>', 'what executes TF.js').choices(BACKENDS).default('auto'))
    .addOption(engine)
    .option('--device <name>', 'cpu, gpu or gpu:N', 'cpu')
    .option('--offline', 'fetch nothing: weights come from this machine and its caches (as HF_HUB_OFFLINE=1)')
    .option('--threads <n>', 'threads of the native library', integer(1, 1024))
    .addOption(
      new Option(
        '--amp <type>',
        'tensorflow engine: compute in 16 bits where the processor gains by it',
      ).choices(PRECISIONS),
    )
    .option('--seed <n>', 'seed of every random choice', integer(0, 0xffffffff), 0);
}

/** Options that change a model's size. */
export interface ModelSizeOptions {
  numClasses?: number;
  inputSize?: number;
}

export function addModelSizeOptions(command: Command): Command {
  return command
    .option('--num-classes <n>', 'classes of the classifier (0: none, features come out)', integer(0, 1e6))
    .option('--input-size <n>', 'side of the square input, pixels', integer(1, 65536));
}

/** Of the commands that read images besides `train`, which has its own in the configuration of a run. */
export interface WorkersOption {
  workers?: number;
}

export function addWorkersOption(command: Command): Command {
  return command.option(
    '--workers <n>',
    'threads that decode images, 0: the main one (default: by the processors)',
    integer(0, 256),
  );
}
