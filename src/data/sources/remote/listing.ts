import { UsageError, UserError } from '../../../errors.js';
import type { Split } from '../../dataset.js';
import { packedKind, type Kind } from '../kinds.js';
import { expandBraces, isPattern, pathPattern } from '../patterns.js';
import { chooseSplit } from '../splits.js';
import type { RemoteFile } from './remote-file.js';

/** What a server that knows its files has, and what of it was asked for. */
export interface Listing {
  /** A file, a folder without a slash at its end, or a pattern; empty for everything. */
  readonly path: string;
  readonly files: ReadonlyMap<string, RemoteFile>;
}

/**
 * The files that were asked for: one by its name, those that fit a pattern, or those of a folder that hold samples, of the split that was
 * asked for.
 *
 * @param kind what the user says they are
 * @returns undefined for a folder without any
 * @throws UserError when there are none of the kind, UsageError when a folder holds several data sets
 */
export function chooseFiles(
  { path, files }: Listing,
  address: string,
  kind: Kind | undefined,
  wanted: Split | undefined,
): { readonly files: readonly RemoteFile[]; readonly split: Split | undefined } | undefined {
  const one = files.get(path);
  if (one !== undefined) return { files: [one], split: undefined };
  if (isPattern(path)) return { files: matching(path, files, address), split: undefined };
  const prefix = path === '' ? '' : `${path}/`;
  // Data sets of the hub have their files in `data`.
  const shards = packedIn(files, prefix) ?? packedIn(files, `${prefix}data/`);
  if (shards === undefined) return undefined;
  const packed = kind?.startsWith('tfrecord') ? 'tfrecord' : kind === 'webdataset' ? 'tar' : kind;
  const kinds = new Set(shards.map((file) => packedKind(file)!));
  if (packed === undefined && kinds.size > 1)
    throw new UsageError(
      `${address} holds several data sets (${[...kinds].join(', ')}): say which is meant, as in ${[...kinds][0]}:${address}`,
    );
  const chosen = shards.filter((file) => packed === undefined || packedKind(file) === packed);
  if (chosen.length === 0) throw new UserError(`${address} holds no ${packed} files.`);
  const { names, split } = chooseSplit(address, chosen, wanted, (name) => wordsOfFile(name));
  return { files: names.map((name) => files.get(name)!), split };
}

function packedIn(files: Listing['files'], prefix: string): string[] | undefined {
  const found = [...files.keys()].filter(
    (file) =>
      file.startsWith(prefix) && !file.slice(prefix.length).includes('/') && packedKind(file) !== undefined,
  );
  return found.length === 0 ? undefined : found.sort();
}

function matching(pattern: string, files: Listing['files'], address: string): RemoteFile[] {
  const found = expandBraces(pattern).flatMap((name) => {
    const one = files.get(name);
    if (one !== undefined) return [one];
    if (!isPattern(name)) throw new UserError(`${address}: there is no ${name}, but the pattern names it.`);
    const test = pathPattern(name);
    return [...files.keys()]
      .filter((file) => test.test(file))
      .sort()
      .map((file) => files.get(file)!);
  });
  if (found.length === 0) throw new UserError(`${address}: no file matches this pattern.`);
  return found;
}

const wordsOfFile = (file: string): readonly string[] =>
  file
    .slice(file.lastIndexOf('/') + 1)
    .toLowerCase()
    .split(/[^a-z]+/);
