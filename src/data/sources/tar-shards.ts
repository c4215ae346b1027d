import path from 'node:path';
import { UserError } from '../../errors.js';
import { openFileSource, openGzipSource, type ByteSource } from './byte-source.js';
import { readClassNames } from './class-names.js';
import { IMAGE_EXTENSIONS, type Dataset, type Split } from '../dataset.js';
import { indexTar, type TarEntry } from './tar-index.js';

/** Shards listed at the same time. */
const PARALLEL = 8;
/** A label or its JSON is small; more is not a label. */
const MAX_LABEL_BYTES = 1 << 20;
/** Compressed shards are unpacked into memory, all together up to this size. */
const MAX_UNPACKED = 2 ** 29;

interface Shard {
  readonly file: string;
  open(): Promise<ByteSource>;
}

interface Sample {
  readonly shard: Shard;
  readonly key: string;
  readonly label: number;
  readonly offset: number;
  readonly size: number;
}

/**
 * WebDataset shards (`.tar`, or compressed `.tar.gz`, `.tgz`): in each tar the files of one sample share a key (path and name up to the first dot): the picture
 * (`.jpg`, `.jpeg`, `.png`, `.webp`) and its label as a number in `.cls`, or as `label` in `.json`. Other files of the sample are passed over.
 * Names of the classes come from a `classes.txt` beside the shards, if there is one: a line a class, in the order of the labels.
 *
 * Each tar is listed once, by its headers; pictures are then read at their positions, in any order. Compressed shards are unpacked into
 * memory for that: meant for small sets.
 *
 * @param source what the user wrote, for messages.
 * @throws UserError naming shard and key: no sample, no label, a label that is no number or has no name, a key used twice, truncation.
 */
export async function openTarShards(
  source: string,
  files: readonly string[],
  { split, numClasses }: { split?: Split; numClasses?: number } = {},
): Promise<Dataset> {
  const classes = await readClassNames(path.dirname(files[0]!));
  const limit = classes?.length ?? numClasses ?? Infinity;
  const shards = await openShards(files);
  const samples: Sample[] = [];
  for (let i = 0; i < shards.length; i += PARALLEL) {
    const some = shards.slice(i, i + PARALLEL);
    for (const list of await Promise.all(some.map((shard) => indexShard(shard, limit))))
      samples.push(...list);
  }
  const seen = samples.reduce((most, { label }) => Math.max(most, label + 1), 0);
  return {
    source,
    split,
    length: samples.length,
    classes,
    numClasses: classes?.length ?? numClasses ?? seen,
    label: (index) => samples[index]!.label,
    name: (index) => nameOf(samples[index]!),
    read(index) {
      const { shard, offset, size } = samples[index]!;
      return withSource(shard, (bytes) => bytes.read(offset, size));
    },
  };
}

/** Whether a file is a shard by its ending. */
export function isShard(file: string): boolean {
  return /\.(tar|tar\.gz|tgz)$/i.test(file);
}

async function openShards(files: readonly string[]): Promise<Shard[]> {
  const shards: Shard[] = [];
  let unpacked = 0;
  for (const file of files) {
    if (/gz$/i.test(file)) {
      const memory = await openGzipSource(file, MAX_UNPACKED - unpacked);
      unpacked += memory.size;
      shards.push({ file, open: () => Promise.resolve(memory) });
    } else {
      // Opened anew for each picture: any number of shards, no handle to run out of or to forget.
      shards.push({ file, open: () => openFileSource(file) });
    }
  }
  return shards;
}

async function withSource<T>(shard: Shard, use: (source: ByteSource) => Promise<T>): Promise<T> {
  const source = await shard.open();
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

const nameOf = ({ shard, key }: Pick<Sample, 'shard' | 'key'>): string => `${shard.file}!${key}`;

interface Parts {
  image?: TarEntry;
  cls?: string;
  json?: string;
}

async function indexShard(shard: Shard, limit: number): Promise<Sample[]> {
  const found = new Map<string, Parts>();
  await withSource(shard, (source) =>
    indexTar(source, async (entry, bytes) => {
      const { key, extension } = splitName(entry.name);
      const field = IMAGE_EXTENSIONS.has(extension) ? 'image' : extension;
      if (field !== 'image' && field !== 'cls' && field !== 'json') return;
      const parts = found.get(key) ?? {};
      found.set(key, parts);
      if (parts[field] !== undefined)
        throw new UserError(
          `${nameOf({ shard, key })}: the key has two ${field === 'image' ? 'pictures' : `.${field} files`}; keys must be unique in a shard.`,
        );
      if (field === 'image') parts.image = entry;
      else if (entry.size > MAX_LABEL_BYTES)
        throw new UserError(
          `${nameOf({ shard, key })}: .${field} has ${entry.size} bytes; expected a label.`,
        );
      else parts[field] = (await bytes()).toString('utf8');
    }),
  );
  const samples: Sample[] = [];
  for (const [key, { image, cls, json }] of found) {
    const name = nameOf({ shard, key });
    if (image === undefined) {
      if (cls === undefined) continue; // a JSON file of its own describes the shard, not a sample
      throw new UserError(`${name} has a label and no picture (${[...IMAGE_EXTENSIONS].join(', ')}).`);
    }
    const label = cls === undefined ? labelOfJson(json, name) : cls.trim();
    samples.push({
      shard,
      key,
      label: checkLabel(label, limit, name),
      offset: image.offset,
      size: image.size,
    });
  }
  if (samples.length === 0)
    throw new UserError(
      `${shard.file} holds no samples: expected pictures with .cls or .json labels of the same name.`,
    );
  return samples;
}

/** WebDataset's rule: the key ends at the first dot of the file's own name. */
function splitName(name: string): { key: string; extension: string } {
  const file = name.slice(name.lastIndexOf('/') + 1);
  // `._x.jpg` beside `x.jpg` are attributes that macOS packs along, and other hidden files are no samples either.
  if (file.startsWith('.')) return { key: name, extension: '' };
  const dot = file.indexOf('.');
  if (dot === -1) return { key: name, extension: '' };
  return {
    key: name.slice(0, name.length - file.length + dot),
    extension: file.slice(dot + 1).toLowerCase(),
  };
}

function labelOfJson(json: string | undefined, name: string): string {
  if (json === undefined)
    throw new UserError(`${name} has no label: expected ${name.split(/[!/]/).at(-1)}.cls or .json.`);
  try {
    const { label } = JSON.parse(json) as { label?: unknown };
    if (typeof label === 'number' || typeof label === 'string') return String(label);
  } catch (error) {
    throw new UserError(`${name}: its .json is not JSON.`, { cause: error });
  }
  throw new UserError(`${name} has no label: its .json has no number named "label", and there is no .cls.`);
}

/** More classes than any data set has: a larger label is a mistake, and would be paid for in memory. */
const MAX_CLASSES = 1_000_000;

function checkLabel(text: string, limit: number, name: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new UserError(
      `${name}: expected a whole number from 0 on as label, found ${JSON.stringify(text.slice(0, 40))}.`,
    );
  const label = Number(text);
  if (label >= MAX_CLASSES)
    throw new UserError(`${name}: label ${label} is out of range, expected 0 to ${MAX_CLASSES - 1}.`);
  if (label >= limit)
    throw new UserError(
      `${name}: label ${label} is out of range, expected 0 to ${limit - 1} (${limit} classes).`,
    );
  return label;
}
