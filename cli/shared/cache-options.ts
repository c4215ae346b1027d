import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseByteSize } from '../../src/data/byte-size.js';

/** Where data that lie elsewhere are kept. */
export interface CacheOptions {
  cacheDir?: string;
  cacheLimit?: number;
}

export function addCacheOptions(command: Command): Command {
  return command
    .option(
      '--cache-dir <folder>',
      'for shards that are fetched, and lists of samples (default: RECNEXT_CACHE)',
    )
    .addOption(
      new Option(
        '--cache-limit <bytes>',
        'what fetched shards may take there, as 200G (default: 50 GB)',
      ).argParser(byteSize),
    );
}

/** Parses a number of bytes for commander: `1000000`, `512M`, `1.5G`. */
export function byteSize(text: string): number {
  const bytes = parseByteSize(text);
  if (bytes === undefined)
    throw new InvalidArgumentError(`expected a number of bytes, as 512M or 1G, found "${text}".`);
  return bytes;
}
