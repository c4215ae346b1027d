import { stat } from 'node:fs/promises';
import path from 'node:path';
import { UsageError, UserError } from '../../errors.js';
import { listFolder, openClassFolders } from './class-folders.js';
import type { Dataset, Split } from '../dataset.js';
import { expandPattern, isPattern } from './patterns.js';
import { isShard, openTarShards } from './tar-shards.js';

export interface OpenDatasetOptions {
  /** Which split to take where the source has several; sources without splits are taken whole (`Dataset.split` tells). */
  readonly split?: Split;
  /** How many classes the model has: data that have others are refused. */
  readonly numClasses?: number;
}

/** What splits are called, by folder or as a part of a shard's name. */
const SPLIT_NAMES: Readonly<Record<Split, readonly string[]>> = {
  train: ['train', 'training'],
  val: ['val', 'validation', 'valid', 'test'],
};

/**
 * Opens labelled pictures by looking at what is there:
 * - a folder of class folders (`photos/cat/1.jpg`), or of `train` and `val` folders with class folders in them;
 * - WebDataset shards: a `.tar`, a folder of them (with `train` and `val` in their names, where there are splits), or a pattern
 *   (`train-{000000..000127}.tar`, `shards/train-*.tar`).
 *
 * @throws UserError saying what was expected and found when there is nothing to open.
 */
export async function openDataset(spec: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  const dataset = await open(spec, options);
  const { numClasses } = options;
  if (numClasses !== undefined && dataset.numClasses !== numClasses)
    throw new UserError(
      `${dataset.source} has ${dataset.numClasses} classes, the model has ${numClasses}: they must be the same.`,
    );
  return dataset;
}

async function open(spec: string, options: OpenDatasetOptions): Promise<Dataset> {
  if (spec.trim() === '')
    throw new UsageError('the data source is empty: expected a folder, a .tar or a pattern of .tar files.');
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(spec)?.[1];
  if (scheme !== undefined)
    throw new UserError(
      `${spec}: ${scheme}:// is not supported as a data source: expected a folder, a .tar or a pattern of .tar files.`,
    );
  const found = await stat(spec).catch(() => undefined);
  if (found?.isDirectory()) return openFolder(spec, options);
  if (found !== undefined && !isShard(spec))
    throw new UserError(
      `${spec} is a file: expected a folder of class folders, a .tar or a pattern of .tar files.`,
    );
  if (found !== undefined) return openTarShards(spec, [spec], options);
  if (isPattern(spec)) return openTarShards(spec, await expandPattern(spec), options);
  throw new UserError(
    `${spec} does not exist: expected a folder of class folders, a .tar or a pattern of .tar files.`,
  );
}

async function openFolder(folder: string, { split, numClasses }: OpenDatasetOptions): Promise<Dataset> {
  const { folders, files } = await listFolder(folder);
  const tars = files.filter(isShard);
  if (tars.length > 0) {
    const chosen = chooseSplit(folder, tars, split, (name) => name.toLowerCase().split(/[^a-z]+/));
    const shards = chosen.names.map((name) => path.join(folder, name));
    return openTarShards(folder, shards, { split: chosen.split, numClasses });
  }
  if (folders.length === 0)
    throw new UserError(
      files.length === 0
        ? `${folder} is empty: expected class folders with pictures in them, or .tar shards.`
        : `${folder} holds ${files.length} files and no folders: expected class folders with pictures in them, or .tar shards.`,
    );
  const isSplit = (name: string): boolean => Object.values(SPLIT_NAMES).flat().includes(name.toLowerCase());
  // A class may be called "test": only a folder of nothing but splits is one.
  if (!folders.every(isSplit)) return openClassFolders(folder);
  const chosen = chooseSplit(folder, folders, split, (name) => [name.toLowerCase()]);
  return openClassFolders(path.join(folder, chosen.names[0]!), chosen.split);
}

/** Those of `names` that belong to the split. Names without a split's word in them belong to none. */
function chooseSplit(
  folder: string,
  names: readonly string[],
  split: Split | undefined,
  words: (name: string) => readonly string[],
): { names: readonly string[]; split: Split | undefined } {
  const having = (word: string): string[] => names.filter((name) => words(name).includes(word));
  const firstOf = (wanted: Split): string[] =>
    SPLIT_NAMES[wanted].map(having).find((matching) => matching.length > 0) ?? [];
  const present = (['train', 'val'] as const).filter((wanted) => firstOf(wanted).length > 0);
  if (present.length === 0) return { names, split: undefined };
  const wanted = split ?? (present.length === 1 ? present[0] : undefined);
  if (wanted === undefined)
    throw new UserError(
      `${folder} has the splits ${present.join(' and ')}: name the one to use (${path.join(folder, names[0]!)}).`,
    );
  const chosen = firstOf(wanted);
  if (chosen.length === 0)
    throw new UserError(
      `${folder} has no ${wanted} split: found ${names.slice(0, 5).join(', ')}; expected ${SPLIT_NAMES[wanted].join(' or ')} in a name.`,
    );
  return { names: chosen, split: wanted };
}
