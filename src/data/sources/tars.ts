import path from 'node:path';
import { UserError } from '../../errors.js';
import type { Dataset } from '../dataset.js';
import { openGzipSource, type ByteSource } from './byte-source.js';
import { parseClassNames, CLASS_NAMES_FILE } from './class-names.js';
import { withSource, type DataFile } from './data-file.js';
import { findLabels } from './find-labels.js';
import { byCodePoint, checkLabel, labelsOfNames } from './labels.js';
import { folderClasses, type FolderClasses } from './name-classes.js';
import { PackedStrings } from './packed-strings.js';
import { Parts, UNLABELLED, type SampleIndex } from './sample-index.js';
import { indexShards } from './shards.js';
import type { SourceContext } from './source-context.js';
import { parseTarIndex } from './tar-index-file.js';
import { listPictures, type TarReading } from './tar-pictures.js';

/** Compressed shards are unpacked into memory, all together up to this size. */
const MAX_UNPACKED = 2 ** 29;

/** Whether a file is a tar by its ending. */
export function isTar(file: string): boolean {
  return /\.(tar|tar\.gz|tgz)$/i.test(file);
}

interface Shards {
  readonly files: readonly DataFile[];
  readonly indexes: readonly SampleIndex[];
}

/**
 * Tars of pictures (`.tar`, or compressed `.tar.gz`, `.tgz`): WebDataset shards, whose files say the labels; class folders in tars, one tar
 * a class inside another as ImageNet's training set; or pictures with a list of labels beside the tar, as ImageNet's validation set. Names
 * of the classes of shards come from a `classes.txt` beside them, if there is one: a line a class, in the order of the labels.
 *
 * Each tar is listed once, by its headers; pictures are then read at their positions, in any order. Compressed tars are unpacked into
 * memory for that: meant for small sets.
 *
 * @throws UserError naming tar and picture: none, no label, a label that is no number or has no name, truncation
 */
export async function openTars(
  files: readonly DataFile[],
  reading: TarReading,
  context: SourceContext,
): Promise<Dataset> {
  const shards = await indexShards(unpacked(files), `tar ${reading}`, context, async (file) => {
    const text = reading === 'pictures' ? undefined : await file.published?.();
    const published = text === undefined ? undefined : parseTarIndex(text, file.size);
    return published ?? withSource(file, (source) => listPictures(source, file.name, reading), 'headers');
  });
  const plain = shards.indexes.findIndex(({ labels }) => labels[0] === UNLABELLED);
  const labelled = shards.indexes.findIndex(({ labels }) => labels[0] !== UNLABELLED);
  if (plain === -1) return openLabelled(shards, context);
  if (labelled !== -1)
    throw new UserError(
      `${shards.files[labelled]!.name} has labels beside its pictures, ${shards.files[plain]!.name} has none: expected the same in all.`,
    );
  const folders = folderClasses(shards.indexes.map(({ names }) => names));
  return folders ? openFolders(shards, folders, context) : openListed(shards, context);
}

async function openLabelled(shards: Shards, context: SourceContext): Promise<Dataset> {
  const text = await shards.files[0]!.beside(CLASS_NAMES_FILE);
  const folder = path.dirname(shards.files[0]!.name);
  const classes = text === undefined ? undefined : parseClassNames(text, path.join(folder, CLASS_NAMES_FILE));
  const limit = classes?.length ?? context.numClasses ?? Infinity;
  let largest = -1;
  for (const [s, { labels, names }] of shards.indexes.entries())
    for (const [i, label] of labels.entries()) {
      if (label >= limit) checkLabel(label, limit, `${shards.files[s]!.name}!${names.at(i)}`);
      if (label > largest) largest = label;
    }
  return assemble(shards, context, {
    classes,
    numClasses: classes?.length ?? context.numClasses ?? largest + 1,
    labels: shards.indexes.map(({ labels }) => labels),
  });
}

function openFolders(shards: Shards, { classOf, splitOf }: FolderClasses, context: SourceContext): Dataset {
  const { chosen, split } = chooseSplit(shards, splitOf, context);
  const words = new Map<string, number>();
  const codes = chosen.indexes.map(({ names }) =>
    Int32Array.from({ length: names.length }, (_, i) => {
      const word = classOf(names.at(i));
      const code = words.get(word) ?? words.size;
      words.set(word, code);
      return code;
    }),
  );
  const sorted = [...words.keys()].sort(byCodePoint);
  const { classes, labels } = labelsOfNames(sorted, context);
  const labelOfCode = new Int32Array(words.size);
  sorted.forEach((word, i) => (labelOfCode[words.get(word)!] = labels[i]!));
  for (const list of codes) list.forEach((code, i) => (list[i] = labelOfCode[code]!));
  return assemble(chosen, { ...context, split }, { classes, numClasses: classes.length, labels: codes });
}

function chooseSplit(
  shards: Shards,
  splitOf: FolderClasses['splitOf'],
  context: SourceContext,
): { chosen: Shards; split: SourceContext['split'] } {
  if (splitOf === undefined) return { chosen: shards, split: context.split };
  const { wanted: split } = context;
  if (split === undefined)
    throw new UserError(`${context.source} has several splits inside: say which to use (split).`);
  const indexes = shards.indexes.map((index) => {
    const kept = Array.from(index.labels.keys()).filter((i) => splitOf(index.names.at(i)) === split);
    return {
      names: PackedStrings.of(kept.map((i) => index.names.at(i))),
      labels: Int32Array.from(kept, (i) => index.labels[i]!),
      offsets: Float64Array.from(kept, (i) => index.offsets[i]!),
      sizes: Float64Array.from(kept, (i) => index.sizes[i]!),
    };
  });
  if (indexes.every(({ labels }) => labels.length === 0))
    throw new UserError(`${context.source} has no ${split} split: its folders are of the other one.`);
  return { chosen: { files: shards.files, indexes }, split };
}

/** Pictures without folders: the labels are in a list beside the tar. */
async function openListed(shards: Shards, context: SourceContext): Promise<Dataset> {
  const file = shards.files[0]!;
  const folder = path.dirname(file.name);
  const place = {
    name: folder,
    text: (name: string) => file.beside(name),
    local: (name: string) => (file.isRemote ? undefined : path.join(folder, name)),
  };
  const positions = sortedPositions(shards.indexes);
  const count = positions.reduce((sum, { length }) => sum + length, 0);
  const base = path.basename(file.name).replace(/\.(tar|tar\.gz|tgz)$/i, '');
  const list = await findLabels(context, [place], base, shards.indexes[0]!.names.at(0), count);
  const labels = shards.indexes.map(({ names }, s) =>
    Int32Array.from(names, (name, i) => list.label(name, positions[s]![i]!)),
  );
  return finishListed(shards, labels, list, context);
}

async function finishListed(
  shards: Shards,
  labels: Int32Array[],
  { classes, file }: { classes: readonly string[] | undefined; file: string },
  context: SourceContext,
): Promise<Dataset> {
  const text = classes ? undefined : await shards.files[0]!.beside(CLASS_NAMES_FILE);
  const names = classes ?? (text === undefined ? undefined : parseClassNames(text, CLASS_NAMES_FILE));
  const limit = names?.length ?? context.numClasses ?? Infinity;
  let largest = -1;
  for (const [s, list] of labels.entries())
    list.forEach((label, i) => {
      largest = Math.max(largest, checkLabel(label, limit, `${file}: ${shards.indexes[s]!.names.at(i)}`));
    });
  const numClasses = names?.length ?? context.numClasses ?? largest + 1;
  return assemble(shards, context, { classes: names, numClasses, labels });
}

/** Place of each picture among all in the order of their names. */
function sortedPositions(indexes: readonly SampleIndex[]): Int32Array[] {
  const all = indexes.flatMap(({ names }, s) => Array.from(names, (name, i) => ({ name, s, i })));
  all.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const positions = indexes.map(({ labels }) => new Int32Array(labels.length));
  all.forEach(({ s, i }, position) => (positions[s]![i] = position));
  return positions;
}

function assemble(
  { files, indexes }: Shards,
  { source, split }: SourceContext,
  {
    classes,
    numClasses,
    labels,
  }: { classes: readonly string[] | undefined; numClasses: number; labels: readonly Int32Array[] },
): Dataset {
  const parts = new Parts(indexes.map(({ labels: { length } }) => length));
  return {
    source,
    split,
    length: parts.length,
    classes,
    numClasses,
    label(index) {
      const { part, inside } = parts.find(index);
      return labels[part]![inside]!;
    },
    name(index) {
      const { part, inside } = parts.find(index);
      return `${files[part]!.name}!${indexes[part]!.names.at(inside)}`;
    },
    read(index) {
      const { part, inside } = parts.find(index);
      const { offsets, sizes } = indexes[part]!;
      return withSource(files[part]!, (source) => source.read(offsets[inside]!, sizes[inside]!));
    },
  };
}

/** Compressed tars are unpacked into memory when they are opened: their pictures have no place in the file to be read at. */
function unpacked(files: readonly DataFile[]): DataFile[] {
  let bytes = 0;
  return files.map((file) => {
    if (!/gz$/i.test(file.name)) return file;
    if (file.isRemote)
      throw new UserError(`${file.name} is compressed: fetch it first, or pack the shards without gzip.`);
    let memory: Promise<ByteSource> | undefined;
    const unpack = async (): Promise<ByteSource> => {
      const source = await openGzipSource(file.name, MAX_UNPACKED - bytes);
      bytes += source.size;
      if (bytes > MAX_UNPACKED)
        throw new UserError(
          `${file.name}: compressed shards are held in memory, and together they unpack to more than ${MAX_UNPACKED} bytes: gunzip them first.`,
        );
      return source;
    };
    return { ...file, open: () => (memory ??= unpack()) };
  });
}
