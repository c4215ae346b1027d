import path from 'node:path';
import { UserError } from '../../../errors.js';
import { readWhole } from '../../../runtime/fetch/read-range.js';
import type { Dataset, Split } from '../../dataset.js';
import { isPicture } from '../class-folders.js';
import { CLASS_NAMES_FILE, parseClassNames } from '../class-names.js';
import { csvDataset } from '../csv.js';
import { fileDataset } from '../file-dataset.js';
import { findLabels, type LabelPlace } from '../find-labels.js';
import { iNaturalistDataset } from '../inaturalist.js';
import { byCodePoint, labelsOfNames } from '../labels.js';
import { folderClasses, type FolderClasses } from '../name-classes.js';
import { PackedStrings } from '../packed-strings.js';
import type { PictureStore } from '../picture-store.js';
import type { RemoteOptions, SourceContext } from '../source-context.js';
import type { AddressedFile } from './address.js';
import type { Listing } from './listing.js';
import { PictureCache } from './picture-cache.js';
import { MAX_TEXT, type RemoteFile } from './remote-file.js';
import { readPicture, remotePictures } from './remote-pictures.js';

/** Pictures of a folder of which the server knows all files: in class folders, or with a list of labels beside them. Undefined: there are none. */
export async function openListedPictures(
  { path: folder, files }: Listing,
  address: string,
  context: SourceContext,
): Promise<Dataset | undefined> {
  const prefix = folder === '' ? '' : `${folder}/`;
  const isHidden = (name: string): boolean => name.split('/').some((part) => part.startsWith('.'));
  const names = [...files.keys()]
    .filter((file) => file.startsWith(prefix) && isPicture(file))
    .map((file) => file.slice(prefix.length))
    .filter((name) => !isHidden(name))
    .sort(asInFolders);
  if (names.length === 0) return undefined;
  context.notice(
    `${address}: ${names.length} pictures, each of which is a request: \`recnext shards\` packs them into files that are read faster.`,
  );
  const store = listedStore(address, (name) => files.get(prefix + name)!, context.remote);
  const classes = folderClasses([PackedStrings.of(names)]);
  if (classes !== undefined) return inClassFolders(names, classes, store, address, context);
  return withLabelList(names, store, { path: folder, files }, address, context);
}

/** The order in which the same folders are read on a disk: the files of a folder, then what lies in the folders below. */
function asInFolders(a: string, b: string): number {
  const [as, bs] = [a.split('/'), b.split('/')];
  for (let i = 0; ; i++) {
    const [x, y] = [as[i]!, bs[i]!];
    const isFile = (parts: string[]): number => (i === parts.length - 1 ? 0 : 1);
    if (isFile(as) !== isFile(bs)) return isFile(as) - isFile(bs);
    if (x !== y) return byCodePoint(x, y);
    if (i === as.length - 1) return 0;
  }
}

function listedStore(
  address: string,
  fileOf: (name: string) => RemoteFile,
  options: RemoteOptions,
): PictureStore {
  const cache = new PictureCache(path.join(options.cacheDir, 'pictures'), options.cacheLimit);
  return {
    root: address,
    name: (name) => fileOf(name).name,
    read(name) {
      const file = fileOf(name);
      return cache.of(`${file.name}\n${file.version}`, () => readPicture(file, options));
    },
    // The server has listed it.
    check: () => Promise.resolve(),
  };
}

function inClassFolders(
  all: readonly string[],
  { classOf, splitOf }: FolderClasses,
  store: PictureStore,
  address: string,
  context: SourceContext,
): Promise<Dataset> {
  const { names, split } = ofSplit(all, splitOf, address, context);
  const words = [...new Set(names.map(classOf))].sort(byCodePoint);
  const { classes, labels } = labelsOfNames(words, context);
  const labelOf = new Map(words.map((word, i) => [word, labels[i]!]));
  const labelled = Int32Array.from(names, (name) => labelOf.get(classOf(name))!);
  return fileDataset(
    { store, paths: PackedStrings.of(names), labels: labelled, classes, list: address },
    { ...context, split },
  );
}

function ofSplit(
  names: readonly string[],
  splitOf: FolderClasses['splitOf'],
  address: string,
  { wanted, split }: SourceContext,
): { readonly names: readonly string[]; readonly split: Split | undefined } {
  if (splitOf === undefined) return { names, split };
  if (wanted === undefined)
    throw new UserError(`${address} has the splits train and val: name the one to use (${address}/train).`);
  const chosen = names.filter((name) => splitOf(name) === wanted);
  if (chosen.length === 0) throw new UserError(`${address} has no ${wanted} split.`);
  return { names: chosen, split: wanted };
}

async function withLabelList(
  names: readonly string[],
  store: PictureStore,
  { path: folder, files }: Listing,
  address: string,
  context: SourceContext,
): Promise<Dataset> {
  const base = path.posix.basename(folder === '' ? address : folder);
  const parent = path.posix.dirname(folder);
  const above = parent === '.' ? '' : `${parent}/`;
  const textOf = (file: string): Promise<string | undefined> => {
    const found = files.get(file);
    return found === undefined ? Promise.resolve(undefined) : readText(found, context.remote);
  };
  const here = folder === '' ? '' : `${folder}/`;
  const places: LabelPlace[] = [here, ...(folder === '' ? [] : [above])].map((prefix) => ({
    name: prefix === here ? address : address.slice(0, -base.length - 1),
    text: (name) => textOf(prefix + name),
    local: () => undefined,
  }));
  const list = await findLabels(context, places, base, names[0]!, names.length);
  const labels = Int32Array.from(names, (name, position) => list.label(`${base}/${name}`, position));
  const text = list.classes ? undefined : await textOf(here + CLASS_NAMES_FILE);
  const classes = list.classes ?? (text === undefined ? undefined : parseClassNames(text, CLASS_NAMES_FILE));
  return fileDataset({ store, paths: PackedStrings.of(names), labels, classes, list: list.file }, context);
}

/** Larger lists are none: ten million lines have less. */
const MAX_LIST = 2 ** 28;

/** A list of iNaturalist on a server, its pictures below its folder there. */
export async function openRemoteINaturalist(
  file: AddressedFile,
  address: string,
  context: SourceContext,
): Promise<Dataset> {
  const text = await readList(file, context.remote);
  return iNaturalistDataset(
    { name: file.name, text, store: remotePictures(address, context.remote) },
    context,
  );
}

/**
 * A CSV on a server, its pictures beside it or anywhere else.
 * @param beside the text of a file beside it
 */
export async function openRemoteCsv(
  file: AddressedFile,
  beside: (name: string) => Promise<string | undefined>,
  address: string,
  context: SourceContext,
): Promise<Dataset> {
  const text = await readList(file, context.remote);
  return csvDataset(
    {
      name: file.name,
      text,
      classes: { name: `${CLASS_NAMES_FILE} beside ${file.name}`, text: await beside(CLASS_NAMES_FILE) },
      store: () => Promise.resolve(remotePictures(address, context.remote)),
    },
    context,
  );
}

/** The list that was asked for. Throws UserError when it is not there. */
async function readList({ name, remote, client }: AddressedFile, options: RemoteOptions): Promise<string> {
  const bytes = await readWhole(remote, name, MAX_LIST, client, options, true);
  if (bytes === undefined) throw new UserError(`${name} does not exist.`);
  return withoutMark(bytes);
}

/** A text beside others; undefined where there is none. */
export async function readText(file: AddressedFile, options: RemoteOptions): Promise<string | undefined> {
  const bytes = await readWhole(file.remote, file.name, MAX_TEXT, file.client, options);
  return bytes && withoutMark(bytes);
}

/** UTF-8 without the mark of the order of bytes that some programs begin it with. */
function withoutMark(bytes: Buffer): string {
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}
