import path from 'node:path';
import { UsageError, UserError } from '../../errors.js';
import type { Dataset } from '../dataset.js';
import { cifarLayout, openCifar } from './cifar.js';
import { isPicture, listFolder, openClassFolders } from './class-folders.js';
import { openCsv } from './csv.js';
import { localFile } from './data-file.js';
import { openFlatFolder } from './flat-folder.js';
import { isINaturalist, openINaturalist } from './inaturalist.js';
import { packedKind, type Kind, type PackedKind } from './kinds.js';
import { splitOf } from './name-classes.js';
import { openPacked } from './open-packed.js';
import type { SourceContext } from './source-context.js';
import { chooseSplit } from './splits.js';

interface Content {
  readonly folders: readonly string[];
  readonly files: readonly string[];
}

const EXPECTED =
  'expected class folders with pictures in them, shards (.tar, .parquet, TFRecord) or a list (.csv)';

/**
 * Opens a folder by what lies in it. Files that hold whole data sets come first, then class folders, then lists of labels.
 * @throws UsageError where several data sets lie in it, UserError where there is none
 */
export async function openFolder(
  folder: string,
  kind: Kind | undefined,
  context: SourceContext,
): Promise<Dataset> {
  const content = await listFolder(folder);
  const found = kind ?? (await kindOf(folder, content));
  switch (found) {
    case 'cifar': {
      const layout = cifarLayout(content.files);
      if (layout !== undefined) return openCifar(folder, layout, context);
      throw new UserError(
        `${folder} is not CIFAR as it is published: expected data_batch_1 … or train, test and meta.`,
      );
    }
    case 'inaturalist':
      return openOne(folder, content.files.filter(isINaturalist), 'train2018.json', context, openINaturalist);
    case 'csv':
      return openOne(folder, content.files.filter(isCsv), '.csv file', context, openCsv);
    case 'folders':
      return openClasses(folder, content, context);
    case 'list':
      return openFlat(folder, content, context);
    case 'tar':
    case 'webdataset':
    case 'tfrecord':
    case 'tfrecord-0':
    case 'tfrecord-1':
    case 'parquet':
      return openShardsIn(folder, content, kind, found, context);
  }
}

const isCsv = (file: string): boolean => /\.csv$/i.test(file);

/** Looks at the content. */
async function kindOf(folder: string, { folders, files }: Content): Promise<Kind> {
  const packed = new Set(files.map(packedKind).filter((kind) => kind !== undefined));
  const whole: Kind[] = [...packed];
  if (cifarLayout(files) !== undefined) whole.push('cifar');
  if (files.some(isINaturalist)) whole.push('inaturalist');
  // The pictures of iNaturalist lie in folders, too.
  if (whole.length > 0 && !whole.includes('inaturalist') && (await holdPictures(folder, folders)))
    whole.push('folders');
  if (whole.length > 1)
    throw new UsageError(
      `${folder} holds several data sets (${whole.join(', ')}): say which is meant, as in ${whole[0]}:${folder}`,
    );
  if (whole.length === 1) return whole[0]!;
  if (folders.length > 0) return 'folders';
  if (files.some(isCsv)) return 'csv';
  if (files.some(isPicture)) return 'list';
  throw new UserError(
    files.length === 0
      ? `${folder} is empty: ${EXPECTED}.`
      : `${folder} holds ${files.length} files and no folders: ${EXPECTED}.`,
  );
}

/** Whether folders are class folders or splits of them: the first few tell. */
async function holdPictures(folder: string, folders: readonly string[]): Promise<boolean> {
  for (const name of folders.slice(0, 5)) {
    const { files, folders: inside } = await listFolder(path.join(folder, name));
    if (files.some(isPicture)) return true;
    if (splitOf(name) !== undefined && inside.length > 0) return true;
  }
  return false;
}

async function openClasses(folder: string, { folders }: Content, context: SourceContext): Promise<Dataset> {
  // A class may be called "test": only a folder of nothing but splits is one.
  if (folders.length > 0 && folders.every((name) => splitOf(name) !== undefined)) {
    const { names, split } = chooseSplit(folder, folders, context.wanted, (name) => [name.toLowerCase()]);
    const inside = path.join(folder, names[0]!);
    const content = await listFolder(inside);
    const isFlat = content.folders.length === 0 && content.files.some(isPicture);
    return isFlat
      ? openFlat(inside, content, { ...context, split })
      : openClassFolders(inside, { ...context, split });
  }
  // As `datasets` clones a repository of the hub.
  if (folders.length === 1 && folders[0] === 'data') {
    const inside = path.join(folder, 'data');
    const { files } = await listFolder(inside);
    if (files.some((file) => packedKind(file) !== undefined)) return openFolder(inside, undefined, context);
  }
  return openClassFolders(folder, context);
}

async function openFlat(folder: string, { files }: Content, context: SourceContext): Promise<Dataset> {
  if (!files.some(isPicture)) throw new UserError(`${folder} holds no pictures beside a list of labels.`);
  return openFlatFolder(folder, context);
}

async function openShardsIn(
  folder: string,
  { files }: Content,
  said: Kind | undefined,
  found: Kind,
  context: SourceContext,
): Promise<Dataset> {
  const packed: PackedKind = found.startsWith('tfrecord')
    ? 'tfrecord'
    : found === 'parquet'
      ? 'parquet'
      : 'tar';
  const shards = files.filter((file) => packedKind(file) === packed);
  if (shards.length === 0) throw new UserError(`${folder} holds no ${packed} files: ${EXPECTED}.`);
  const { names, split } = chooseSplit(folder, shards, context.wanted);
  const opened = await Promise.all(names.map((name) => localFile(path.join(folder, name))));
  return openPacked(opened, said, { ...context, split });
}

/** One list out of several, by its split. */
async function openOne(
  folder: string,
  files: readonly string[],
  expected: string,
  context: SourceContext,
  open: (file: string, context: SourceContext) => Promise<Dataset>,
): Promise<Dataset> {
  if (files.length === 0) throw new UserError(`${folder} holds no ${expected}.`);
  const { names, split } = chooseSplit(folder, files, context.wanted);
  if (names.length > 1)
    throw new UsageError(
      `${folder} holds several lists (${names.slice(0, 4).join(', ')}): name the one that is meant, as in ${path.join(folder, names[0]!)}`,
    );
  return open(path.join(folder, names[0]!), { ...context, split });
}
