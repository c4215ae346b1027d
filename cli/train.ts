import { Option, type Command } from 'commander';
import { optionName, runConfigSchema, type RunConfigKey } from '../src/train/config.js';
import { PRESETS } from '../src/train/preset-names.js';
import { addComputeOptions, number, type ComputeOptions } from './shared/options.js';
import { Output } from './shared/output.js';

/** Where the options of a run come from besides the command line. */
export interface RecipeOptions {
  config?: string;
  preset?: string;
}

export interface TrainCommandOptions extends ComputeOptions, RecipeOptions {
  printConfig?: boolean;
  resume?: string;
  forceResume?: boolean;
  dryRun?: boolean;
  findBatchSize?: boolean;
}

/** Options that `addComputeOptions` brings. */
const COMMON: readonly RunConfigKey[] = ['seed'];

export function registerTrainCommand(program: Command): void {
  const command = addRecipeOptions(
    program
      .command('train')
      .summary('train a model, with a teacher or without')
      .description(
        'Trains a model by the recipe of the reference: AdamW, cosine schedule, label smoothing, moving average of the weights, hard distillation from a ' +
          'teacher. The run folder holds everything needed to go on or to explain the result. Ctrl-C ends a run cleanly.',
      ),
  )
    .option('--print-config', 'print the configuration that all this gives, as YAML, and do nothing')
    .option('--dry-run', 'say what would be done, with five real steps to measure it; write nothing')
    .option('--find-batch-size', 'find the largest batch that fits into memory, by trying; write nothing')
    .option(
      '--resume <path>',
      "run folder, its last checkpoint, or a checkpoint of the reference's main.py, to go on from",
    )
    .option('--force-resume', 'go on although data or options changed, where that is safe');
  for (const key of Object.keys(runConfigSchema.shape) as RunConfigKey[])
    if (!COMMON.includes(key)) for (const option of optionsOf(key)) command.addOption(option);
  addComputeOptions(command).action(async (options: TrainCommandOptions) => {
    const { runTrainCommand } = await import('./train-run.js');
    await runTrainCommand(options, givenFlags(command, options), new Output(options));
  });
}

export function addRecipeOptions(command: Command): Command {
  return command
    .option('--preset <name>', `options made ready: ${Object.keys(PRESETS).join(', ')}`)
    .option('--config <file>', 'YAML file of options; wins over the preset, the command line wins over both');
}

/** The options of a run that were given on the command line, by their camel-case key. */
export function givenFlags(command: Command, options: object): Record<string, unknown> {
  const keys = Object.keys(runConfigSchema.shape).filter(
    (key) => command.getOptionValueSource(key) === 'cli',
  );
  return Object.fromEntries(keys.map((key) => [key, (options as Record<string, unknown>)[key]]));
}

interface Definition {
  type: string;
  innerType?: {
    def: Definition;
    meta(): { group?: string; description?: string; value?: string } | undefined;
  };
  defaultValue?: unknown;
  entries?: Record<string, string>;
}

/**
 * The command-line options of a key of the configuration, from its schema.
 *
 * @param defaults say what it is without the option, where the schema knows
 */
export function optionsOf(key: RunConfigKey, defaults = true): Option[] {
  const schema = runConfigSchema.shape[key];
  const { group, description = '', value = 'n' } = schema.meta() ?? {};
  let def = schema.def as unknown as Definition;
  const fallback = def.defaultValue;
  while (def.innerType) def = def.innerType.def;
  const name = optionName(key);
  const short = key === 'outputDir' ? '-o, ' : '';
  const text =
    !defaults || fallback === undefined || def.type === 'boolean'
      ? description
      : `${description} (default: ${String(fallback)})`;
  const make = (flags: string, help: string) => new Option(flags, help).helpGroup(`${group}:`);
  switch (def.type) {
    case 'boolean':
      // Both forms, so that the command line can win over a file; help shows the one that changes something.
      return [
        make(`--${name}`, text).hideHelp(fallback === true),
        make(`--no-${name}`, `do not ${text}`).hideHelp(fallback !== true),
      ];
    case 'number':
      return [make(`--${name} <n>`, text).argParser(number())];
    case 'tuple':
      return [
        make(`--${name} <n...>`, text).argParser<number[]>((item, before) => [
          ...(before ?? []),
          number()(item),
        ]),
      ];
    case 'array':
      return [make(`--${name} <${value}...>`, text)];
    case 'enum':
      return [make(`--${name} <name>`, text).choices(Object.values(def.entries ?? {}))];
    default:
      return [make(`${short}--${name} <${value}>`, text)];
  }
}
