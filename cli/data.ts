import { Option, type Command } from 'commander';
import { runConfigSchema, type RunConfigKey } from '../src/train/config.js';
import { addCacheOptions, type CacheOptions } from './shared/cache-options.js';
import { addOutputOptions, integer, type OutputOptions } from './shared/options.js';
import { Output } from './shared/output.js';
import { optionsOf } from './train.js';

export interface DataCheckOptions extends OutputOptions, CacheOptions {
  split?: 'train' | 'val';
  concurrency: number;
}

export interface DataShowOptions extends OutputOptions, CacheOptions {
  output: string;
  split?: 'train' | 'val';
  samples: number;
  views: number;
  epoch: number;
  seed: number;
  model: string;
}

/** Options of `train` that change what it sees. */
export const SHOWN: readonly RunConfigKey[] = [
  'inputSize',
  ...(Object.keys(runConfigSchema.shape) as RunConfigKey[]).filter((key) => {
    const isAugmentation = runConfigSchema.shape[key].meta()?.group === 'Augmentation';
    return isAugmentation && key !== 'repeatedAug' && key !== 'resplit';
  }),
];

const splitOption = (): Option =>
  new Option('--split <name>', 'of a source with several').choices(['train', 'val']);

export function registerDataCommand(program: Command): void {
  const data = program.command('data').summary('look at a source of images: check, show');
  addOutputOptions(
    addCacheOptions(
      data
        .command('check')
        .summary('read and decode every image once')
        .description(
          'Reads and decodes every image once: counts, sizes, broken files, class balance, duplicates. Exit code 1 when something is broken.',
        )
        .argument('<source>', 'class folders, shards, TFRecord or parquet files, …')
        .addOption(splitOption())
        .option('--concurrency <n>', 'images read and decoded at the same time', integer(1, 1024), 16),
    ),
  ).action(async (source: string, options: DataCheckOptions) => {
    const { runDataCheckCommand } = await import('./data-check-run.js');
    await runDataCheckCommand(source, options, new Output(options));
  });

  const show = data
    .command('show')
    .summary('a picture of what training sees')
    .description(
      'Writes a contact sheet (PNG): a row an image, first as evaluation sees it, then as training does. The options of `train` for augmentation apply.',
    )
    .argument('<source>', 'class folders, shards, TFRecord or parquet files, …')
    .requiredOption('-o, --output <file>', 'PNG to write')
    .addOption(splitOption())
    .option('--samples <n>', 'images, spread over the source', integer(1, 100), 6)
    .option('--views <n>', 'views of each', integer(0, 20), 5)
    .option('--epoch <n>', 'epoch that the views are of', integer(0), 0)
    .option('--seed <n>', 'seed of every random choice', integer(0, 0xffffffff), 0)
    .option('--model <name>', 'model whose preprocessing is shown', 'recnext_m0');
  for (const key of SHOWN) for (const option of optionsOf(key)) show.addOption(option);
  addOutputOptions(addCacheOptions(show)).action(async (source: string, options: DataShowOptions) => {
    const { runDataShowCommand } = await import('./data-show-run.js');
    await runDataShowCommand(source, options, new Output(options));
  });
}
