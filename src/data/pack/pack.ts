import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../../errors.js';
import { writeError, writeFileAtomic } from '../../runtime/files.js';
import type { BrokenSample } from '../broken-samples.js';
import type { Dataset } from '../dataset.js';
import { permutation, RandomStream } from '../random.js';
import { CLASS_NAMES_FILE } from '../sources/class-names.js';
import { INDEX_SUFFIX } from '../sources/tar-index-file.js';
import { inOrder } from './in-order.js';
import { readManifest, requireSameSettings, writeManifest, type Manifest } from './manifest.js';
import { sampleFile, type SampleFile, type SampleFileOptions } from './sample-file.js';
import { ShardNames } from './shard-names.js';
import { hasBytes, ShardSize, writeShard, type ShardLimits } from './write-shard.js';

export interface PackOptions extends SampleFileOptions, Partial<ShardLimits> {
  /** What the shards are called: `train-{000000..}.tar`, with a folder before it. */
  readonly out: string;
  /** Draw the order of the samples under this seed. Default: the order of the source. */
  readonly shuffleSeed?: number;
  /** A sample that can't be read is left out, or (default) ends it. */
  readonly onError?: 'skip' | 'fail';
  /** Samples read, resized and encoded at the same time. Default 16. */
  readonly concurrency?: number;
}

export interface PackHooks {
  /** Told of each sample that is left out. */
  readonly onBroken?: (sample: BrokenSample) => void;
  /** So many samples are done, those of shards that were there already included. */
  readonly onProgress?: (samples: number) => void;
  /** Ends between two samples by throwing the signal's reason; whole shards stay. */
  readonly signal?: AbortSignal;
}

export interface PackResult {
  /** Pattern that opens the shards as a source. */
  readonly data: string;
  readonly manifest: string;
  readonly shards: number;
  readonly samples: number;
  readonly bytes: number;
  /** Shards that were there already, whole. */
  readonly kept: number;
  /** Samples left out because they can't be read. */
  readonly broken: number;
}

/**
 * Packs a data set into WebDataset shards, with a manifest (sizes, counts, SHA-256) and the names of the classes beside them. Shards get their names when they
 * are whole, so that a run that was killed is gone on with by the same call: shards that are there with the right bytes are kept.
 *
 * @throws UserError when other shards of that name are there, or a sample can't be read
 */
export async function packShards(
  dataset: Dataset,
  options: PackOptions,
  hooks: PackHooks = {},
): Promise<PackResult> {
  const names = new ShardNames(options.out);
  const { maxCount = 10_000, maxSize = 2 ** 30, shuffleSeed, onError = 'fail', concurrency = 16 } = options;
  const { resize, quality = 95 } = options;
  const manifest: Manifest = {
    version: 1,
    source: dataset.source,
    sourceSha256: digestOf(dataset),
    maxCount,
    maxSize,
    resize,
    quality: resize === undefined ? undefined : quality,
    shuffleSeed,
    numClasses: dataset.numClasses,
    classes: dataset.classes && [...dataset.classes],
    length: dataset.length,
    complete: false,
    shards: [],
  };
  await prepareFolder(names, dataset.classes);
  const kept = await keepWholeShards(names, manifest, onError);
  const start = manifest.shards.at(-1)?.until ?? 0;
  if (start < dataset.length) {
    await writeManifest(names.manifest, manifest);
    const order =
      shuffleSeed === undefined
        ? undefined
        : permutation(dataset.length, new RandomStream({ seed: shuffleSeed, epoch: 0, index: 0 }, 'shuffle'));
    const prepared = inOrder(dataset.length - start, concurrency, async (i): Promise<Prepared> => {
      const index = order ? order[start + i]! : start + i;
      try {
        return { file: await sampleFile(dataset, index, start + i, { resize, quality }) };
      } catch (error) {
        if (onError === 'fail' || !(error instanceof UserError)) throw error;
        return { broken: { index, name: dataset.name(index), reason: error.message } };
      }
    });
    await writeShards(names, manifest, prepared, start, hooks);
  }
  manifest.complete = true;
  await writeManifest(names.manifest, manifest);
  const sum = (of: 'samples' | 'bytes'): number =>
    manifest.shards.reduce((total, shard) => total + shard[of], 0);
  return {
    data: names.pattern(manifest.shards.length),
    manifest: names.manifest,
    shards: manifest.shards.length,
    samples: sum('samples'),
    bytes: sum('bytes'),
    kept,
    broken: manifest.shards.reduce((total, shard) => total + shard.broken.length, 0),
  };
}

type Prepared =
  | { readonly file: SampleFile; readonly broken?: undefined }
  | { readonly broken: BrokenSample; readonly file?: undefined };

/** Shard after shard, the manifest with each. */
async function writeShards(
  names: ShardNames,
  manifest: Manifest,
  prepared: AsyncGenerator<Prepared, void, undefined>,
  start: number,
  { onBroken, onProgress, signal }: PackHooks,
): Promise<void> {
  let done = start;
  let passedOver: string[] = [];
  /** The sample that did not fit into the last shard. */
  let waiting: SampleFile | undefined;
  const next = async (): Promise<SampleFile | undefined> => {
    for (;;) {
      signal?.throwIfAborted();
      const result = await prepared.next();
      if (result.done) return undefined;
      done++;
      const { file, broken } = result.value;
      if (file !== undefined) return file;
      passedOver.push(broken.name);
      onBroken?.(broken);
    }
  };
  try {
    onProgress?.(done);
    waiting = await next();
    while (waiting !== undefined) {
      const size = new ShardSize(manifest);
      async function* shard(): AsyncGenerator<SampleFile, void, undefined> {
        while (waiting !== undefined && size.add(waiting)) {
          yield waiting;
          onProgress?.(done);
          waiting = await next();
        }
      }
      const file = names.file(manifest.shards.length);
      const written = await writeShard(path.join(names.folder, file), shard());
      const until = waiting === undefined ? done : done - 1;
      manifest.shards.push({ file, samples: size.samples, until, broken: passedOver, ...written });
      passedOver = [];
      await writeManifest(names.manifest, manifest);
    }
    if (manifest.shards.length === 0) throw new UserError(`${manifest.source}: no sample can be read.`);
  } finally {
    await prepared.return();
  }
}

/** Takes over from an earlier run the shards that are there as it wrote them. Returns how many. */
async function keepWholeShards(
  names: ShardNames,
  manifest: Manifest,
  onError: 'skip' | 'fail',
): Promise<number> {
  const earlier = await readManifest(names.manifest);
  const there = (await readdir(names.folder)).filter((file) => names.shardOf(file) !== undefined);
  if (earlier === undefined) {
    if (there.length > 0)
      throw new UserError(
        `${path.join(names.folder, there[0]!)} is there already, without ${path.basename(names.manifest)}: choose another --out, or remove it.`,
      );
    return 0;
  }
  requireSameSettings(names.manifest, earlier, manifest);
  // A run that was killed may have named a shard and not yet written it down.
  const foreign = there.find(
    (file) => names.shardOf(file)! > earlier.shards.length - (earlier.complete ? 1 : 0),
  );
  if (foreign !== undefined)
    throw new UserError(
      `${path.join(names.folder, foreign)} is none of the shards in ${names.manifest}: choose another --out, or remove it.`,
    );
  const leftOut = earlier.shards.flatMap(({ broken }) => broken);
  if (onError === 'fail' && leftOut.length > 0)
    throw new UserError(
      `${names.manifest}: ${leftOut.length} samples were left out of these shards, ${leftOut[0]!} first: use --on-error skip again, or another --out.`,
    );
  for (const shard of earlier.shards) {
    const file = path.join(names.folder, shard.file);
    if (!(await hasBytes(file, shard.bytes, shard.sha256))) break;
    if (shard.index !== undefined && !(await hasBytes(file + INDEX_SUFFIX, undefined, shard.index))) break;
    manifest.shards.push(shard);
  }
  return manifest.shards.length;
}

/** The folder, with the names of the classes in it. */
async function prepareFolder(names: ShardNames, classes: readonly string[] | undefined): Promise<void> {
  await mkdir(names.folder, { recursive: true }).catch(async (error: unknown) => {
    throw await writeError(error, names.folder, 0);
  });
  if (classes === undefined) return;
  const file = path.join(names.folder, CLASS_NAMES_FILE);
  const text = classes.map((name) => name + '\n').join('');
  const found = await readFile(file, 'utf8').catch(() => undefined);
  if (found === undefined) await writeFileAtomic(file, text);
  else if (found !== text)
    throw new UserError(
      `${file} names other classes than the source has: shards of the two need folders of their own.`,
    );
}

function digestOf(dataset: Dataset): string {
  const hash = createHash('sha256');
  for (let i = 0; i < dataset.length; i++) hash.update(`${dataset.label(i)} ${dataset.name(i)}\n`);
  return hash.digest('hex');
}
