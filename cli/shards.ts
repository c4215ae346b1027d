import { Option, type Command } from 'commander';
import { addCacheOptions, byteSize, type CacheOptions } from './shared/cache-options.js';
import { addOutputOptions, integer, type OutputOptions } from './shared/options.js';
import { Output } from './shared/output.js';

export interface ShardsCommandOptions extends OutputOptions, CacheOptions {
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
  addOutputOptions(addCacheOptions(command)).action(async (source: string, options: ShardsCommandOptions) => {
    const { runShardsCommand } = await import('./shards-run.js');
    await runShardsCommand(source, options, new Output(options));
  });
}
