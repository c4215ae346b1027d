import path from 'node:path';
import { UsageError } from '../../errors.js';
import { isTar } from './tars.js';

/** What a source may be. The words are what a user writes before a source to say so: `webdataset:shards/`. */
export const KINDS = [
  'folders',
  'list',
  'webdataset',
  'tar',
  'tfrecord',
  'tfrecord-0',
  'tfrecord-1',
  'parquet',
  'cifar',
  'inaturalist',
  'csv',
] as const;

export type Kind = (typeof KINDS)[number];

/** Kinds of files that hold many samples each. */
export type PackedKind = 'tar' | 'tfrecord' | 'parquet';

/** A source as written: what it is, if the user says so, and where. */
export function parseSource(text: string): { readonly kind: Kind | undefined; readonly place: string } {
  if (text.trim() === '')
    throw new UsageError('the data source is empty: expected a folder, a file or a pattern of files.');
  const [, word, place] = /^([a-z]+(?:-\d)?):(?!\/\/)(.+)$/s.exec(text) ?? [];
  const kind = KINDS.find((name) => name === word);
  // On Windows `c:` is a drive, and elsewhere a file may be called so.
  return kind === undefined || place === undefined ? { kind: undefined, place: text } : { kind, place };
}

/** What a file is by its name, if it holds many samples. */
export function packedKind(file: string): PackedKind | undefined {
  const name = path.basename(file);
  // The development kit of ImageNet lies beside its tars and holds no pictures.
  if (isTar(name)) return /devkit/i.test(name) ? undefined : 'tar';
  if (/\.parquet$/i.test(name)) return 'parquet';
  if (/\.tfrecords?($|[.-])|(^|[^.])-\d{5}-of-\d{5}$/i.test(name)) return 'tfrecord';
  return undefined;
}
