import { InvalidArgumentError, Option, type Command } from 'commander';
import { BENCH_MODES, type BenchMode } from '../src/bench/setting.js';
import { ENGINE_NAMES, type EngineName } from '../src/runtime/engines/engine.js';
import { didYouMean } from '../src/suggest.js';
import {
  addComputeOptions,
  addModelSizeOptions,
  integer,
  number,
  type ComputeOptions,
  type ModelSizeOptions,
} from './shared/options.js';
import { Output } from './shared/output.js';

export interface BenchCommandOptions extends Omit<ComputeOptions, 'engine'>, ModelSizeOptions {
  mode: BenchMode;
  model?: string[];
  weights?: string;
  pretrained?: boolean;
  randomWeights?: boolean;
  fuse?: boolean;
  batchSize?: number[];
  engine: (EngineName | 'auto')[];
  ownOperations: boolean;
  distillation?: boolean;
  rounds: number;
  seconds: number;
  warmup: number;
  csv?: string | true;
  profile?: boolean;
  trace?: string;
}

export function registerBenchCommand(program: Command): void {
  const command = program
    .command('bench')
    .summary('images/s, latency and memory of inference or training, time per layer')
    .description(
      'Measures models on this machine: each setting (model, engine, batch size) in a process of its own, in turns, after a warm-up; medians with quartiles. ' +
        'Latency is the time of one run of a batch: at --batch-size 1, of one image.',
    )
    .addOption(
      new Option('--mode <mode>', 'inference, or whole training steps').choices(BENCH_MODES).default('infer'),
    )
    .option('--model <name...>', 'models (default: as the weights say)')
    .option('--weights <path>', 'file or folder of weights, hf://owner/repo or https://…')
    .option('--pretrained', 'the published weights of the model')
    .option('--random-weights', 'weights drawn at random')
    .option('--fuse', 'fold the batch norms first')
    .option(
      '--batch-size <n...>',
      'images at a time (default: 1 and 16; training: 16)',
      several(integer(1, 65536)),
    )
    .option('--distillation', 'training: the second head learns too, from given classes')
    .option('--no-own-operations', 'tensorflow engine: only operations that TensorFlow brings')
    .option('--rounds <n>', 'turns that each setting has', integer(1, 10_000), 7)
    .option('--seconds <s>', 'how long a turn is, one run at least', number(0, 3600), 0.5)
    .option('--warmup <n>', 'runs before those that count', integer(1, 10_000), 3)
    .option('--csv [file]', 'write CSV, to stdout without a file')
    .option('--profile', 'also the time of each layer and of each operation')
    .option('--trace <file>', 'write a profiled run for chrome://tracing or ui.perfetto.dev');
  addComputeOptions(
    addModelSizeOptions(command),
    new Option('--engine <names>', `what executes, several with commas: auto, ${ENGINE_NAMES.join(', ')}`)
      .argParser(engines)
      .default(['auto'], 'auto'),
  ).action(async (options: BenchCommandOptions) => {
    const { runBenchCommand } = await import('./bench-run.js');
    await runBenchCommand(options, new Output(options));
  });
}

/** Parses the values of a variadic option one by one. */
function several<T>(parse: (text: string) => T): (text: string, before?: T[]) => T[] {
  return (text, before) => [...(before ?? []), parse(text)];
}

function engines(text: string): (EngineName | 'auto')[] {
  const known = ['auto', ...ENGINE_NAMES] as const;
  return text.split(',').map((word) => {
    const name = known.find((one) => one === word.trim());
    if (name === undefined)
      throw new InvalidArgumentError(
        `expected ${known.join(', ')}, or several with commas, found "${word}".${didYouMean(word, known)}`,
      );
    return name;
  });
}
