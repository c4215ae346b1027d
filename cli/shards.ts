import { InvalidArgumentError, Option, type Command } from 'commander';
import { addOutputOptions, integer, type OutputOptions } from './shared/options.js';
import { Output } from './shared/output.js';

export interface ShardsCommandOptions extends OutputOptions {
  out: string;
  split?: 'train' | 'val';
  maxCount: number;
  maxSize: number;
  resize?: number;
  quality: number;
  shuffle?: boolean;
  seed: number;
  onError: 'skip' | 'fail';
  concurrency: number;
}

export function registerShardsCommand(program: Command): void {
  const command = program
    .command('shards')
    .summary('pack images of any source into WebDataset shards')
    .description(
      'Packs a source of labelled images into WebDataset shards with a manifest. Called again after it was interrupted, it goes on behind the last whole shard.',
    )
    .argument('<source>', 'class folders, shards, TFRecord or parquet files, …')
    .requiredOption('--out <pattern>', "what the shards are called, as 'imagenet-train-{000000..}.tar'")
    .addOption(new Option('--split <name>', 'of a source with several').choices(['train', 'val']))
    .option('--max-count <n>', 'images of a shard at most', integer(1), 10_000)
    .addOption(
      new Option('--max-size <bytes>', 'size of a shard at most, as 512M or 1G')
        .argParser(byteSize)
        .default(2 ** 30, '1G'),
    )
    .option(
      '--resize <n>',
      "shorten the short side to n pixels, by Pillow's bicubic filter",
      integer(1, 65536),
    )
    .option('--quality <n>', 'JPEG quality of resized images', integer(1, 100), 95)
    .option('--shuffle', 'put the images in an order drawn at random')
    .option('--seed <n>', 'seed of that order', integer(0, 0xffffffff), 0)
    .addOption(
      new Option('--on-error <what>', 'at an image that cannot be read: leave it out, or fail')
        .choices(['skip', 'fail'])
        .default('fail'),
    )
    .option('--concurrency <n>', 'images read and encoded at the same time', integer(1, 1024), 16);
  addOutputOptions(command).action(async (source: string, options: ShardsCommandOptions) => {
    const { runShardsCommand } = await import('./shards-run.js');
    await runShardsCommand(source, options, new Output(options));
  });
}

const UNITS = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Parses a number of bytes for commander: `1000000`, `512M`, `1.5G`. */
function byteSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?$/i.exec(text.trim());
  const bytes = match && Math.floor(Number(match[1]) * UNITS[match[2]!.toUpperCase() as keyof typeof UNITS]);
  if (!bytes) throw new InvalidArgumentError(`expected a number of bytes, as 512M or 1G, found "${text}".`);
  return bytes;
}
