import { stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../../errors.js';
import type { FetchOptions } from '../../runtime/fetch/fetch-options.js';
import { cacheFolder } from '../../runtime/setup/cache.js';
import type { Dataset, Split } from '../dataset.js';
import type { BrokenShard } from './broken-shard.js';
import { openCsv } from './csv.js';
import { localFile } from './data-file.js';
import { isINaturalist, openINaturalist } from './inaturalist.js';
import { IndexCache } from './index-cache.js';
import { parseSource, type Kind } from './kinds.js';
import { openFolder } from './open-folder.js';
import { openPacked } from './open-packed.js';
import { expandPattern, isPattern } from './patterns.js';
import type { SourceContext } from './source-context.js';

export interface OpenDatasetOptions extends Pick<FetchOptions, 'notice' | 'signal' | 'timing'> {
  /** Which split to take where the source has several; sources without splits are taken whole (`Dataset.split` tells). */
  readonly split?: Split;
  /** How many classes the model has: data that have others are refused. */
  readonly numClasses?: number;
  /** What happens to shards that stay broken: `fail` (the default) refuses the set, `skip` goes on without them and says so. */
  readonly onBroken?: 'skip' | 'fail';
  /** With `skip`, told of each shard that is left out. */
  readonly onBrokenShard?: (shard: BrokenShard) => void;
  /** Folder for lists of samples and fetched shards. Default: `data` in the cache of this program (`RECNEXT_CACHE`). */
  readonly cacheDir?: string;
  /** Bytes that fetched shards may take there. Default {@link DEFAULT_CACHE_LIMIT}. */
  readonly cacheLimit?: number;
}

/** Enough for ImageNet's training set at 256 pixels, and less than most disks have left. */
export const DEFAULT_CACHE_LIMIT = 50e9;

/**
 * Opens labelled pictures by looking at what is there:
 * - a folder of class folders (`photos/cat/1.jpg`), or of `train` and `val` folders with class folders in them;
 * - a folder of pictures and a list of their labels (`labels.txt`, `val.txt`, the ground truth of ImageNet's development kit);
 * - tars: WebDataset shards, class folders in a tar, `ILSVRC2012_img_train.tar` and `ILSVRC2012_img_val.tar`;
 * - TFRecord files, parquet files as the model hub has them, CIFAR-10 and CIFAR-100, iNaturalist's json, a CSV of path and label.
 *
 * Shards come as one file, a folder of them (with `train` and `val` in their names, where there are splits), or a pattern
 * (`train-{000000..000127}.tar`, `shards/train-*.tar`). Where a folder holds several data sets, a word before it says which is meant
 * (`webdataset:`, `tar:`, `tfrecord:`, `tfrecord-0:`, `tfrecord-1:`, `parquet:`, `folders:`, `list:`, `csv:`, `cifar:`, `inaturalist:`).
 *
 * Shards may lie on a web server (`https://`), on the model hub (`hf://datasets/owner/repo`) or in a bucket (`s3://bucket/path`): they are
 * fetched into a cache of bounded size, the next ones ahead, or read by range where all of them would not fit. So may single pictures: in class folders on
 * the hub or in a bucket, or listed by a CSV, which may name addresses itself, or by iNaturalist's json. Each of them is a request: packed into shards they come faster.
 *
 * @throws UserError saying what was expected and found when there is nothing to open, UsageError when it must be said what is meant
 */
export async function openDataset(spec: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  const { kind, place } = parseSource(spec);
  const notice = options.notice ?? ((): void => undefined);
  const cache = options.cacheDir ?? path.join(cacheFolder(), 'data');
  const remote = {
    notice: options.notice,
    signal: options.signal,
    timing: options.timing,
    cacheDir: cache,
    cacheLimit: options.cacheLimit ?? DEFAULT_CACHE_LIMIT,
  };
  const context: SourceContext = {
    source: place,
    wanted: options.split,
    split: undefined,
    numClasses: options.numClasses,
    notice,
    index: new IndexCache(path.join(cache, 'index'), notice),
    remote,
    onBroken: options.onBroken ?? 'fail',
    onBrokenShard: options.onBrokenShard ?? (() => undefined),
  };
  const dataset = await open(place, kind, context);
  const { numClasses } = options;
  if (numClasses !== undefined && dataset.numClasses !== numClasses)
    throw new UserError(
      `${dataset.source} has ${dataset.numClasses} classes, the model has ${numClasses}: they must be the same.`,
    );
  return dataset;
}

const EXPECTED =
  'expected a folder of class folders, a .tar, .parquet or TFRecord file, a .csv, or a pattern of such files';

async function open(place: string, kind: Kind | undefined, context: SourceContext): Promise<Dataset> {
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(place)?.[1];
  if (scheme !== undefined) {
    const { openRemote } = await import('./remote/open-remote.js');
    return openRemote(scheme.toLowerCase(), place, kind, context);
  }
  const found = await stat(place).catch(() => undefined);
  if (found?.isDirectory()) return openFolder(place, kind, context);
  if (found !== undefined) {
    if (kind === 'csv' || (kind === undefined && /\.csv$/i.test(place))) return openCsv(place, context);
    if (kind === 'inaturalist' || (kind === undefined && isINaturalist(place)))
      return openINaturalist(place, context);
    return openPacked([await localFile(place)], kind, context);
  }
  if (!isPattern(place)) throw new UserError(`${place} does not exist: ${EXPECTED}.`);
  const files = await expandPattern(place);
  return openPacked(await Promise.all(files.map(localFile)), kind, context);
}
