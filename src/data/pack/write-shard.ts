import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import tar from 'tar-stream';
import { writeFileAtomic } from '../../runtime/files.js';
import { memorySource } from '../sources/byte-source.js';
import { formatTarIndex, INDEX_SUFFIX, sha256Of, type IndexedPicture } from '../sources/tar-index-file.js';
import { indexTar } from '../sources/tar-index.js';
import type { SampleFile } from './sample-file.js';

/** How much goes into a shard; the first of the two that is reached ends it. */
export interface ShardLimits {
  /** Samples. */
  readonly maxCount: number;
  /** Bytes of the file; a single larger sample makes a shard of its own. */
  readonly maxSize: number;
}

/** A tar is made of blocks of this size, in bytes; two empty ones end it. */
const BLOCK = 512;
const END = 2 * BLOCK;

const entryBytes = (size: number): number => BLOCK + Math.ceil(size / BLOCK) * BLOCK;

/** Fills shards with samples, and knows which does not fit any more. */
export class ShardSize {
  samples = 0;
  bytes = END;

  constructor(private readonly limits: ShardLimits) {}

  /** Whether the sample fits; if so it is counted. */
  add({ bytes, label }: SampleFile): boolean {
    const size = entryBytes(bytes.length) + entryBytes(String(label).length);
    const { maxCount, maxSize } = this.limits;
    if (this.samples > 0 && (this.samples >= maxCount || this.bytes + size > maxSize)) return false;
    this.samples++;
    this.bytes += size;
    return true;
  }
}

/** What was written of a shard. */
export interface WrittenShard {
  readonly bytes: number;
  readonly sha256: string;
  /** SHA-256 of the list of its pictures beside it. */
  readonly index: string;
}

/**
 * Writes a WebDataset shard, whole or not at all: of each sample the picture, then its label in a `.cls`; and beside it the list of its pictures, so that
 * whoever reads it over a network need not look for them. The same samples give the same bytes.
 *
 * @throws what `samples` throws, and UserError when the file can't be written
 */
export async function writeShard(file: string, samples: AsyncIterable<SampleFile>): Promise<WrittenShard> {
  const hash = createHash('sha256');
  const pictures: IndexedPicture[] = [];
  async function* blocks(): AsyncGenerator<Uint8Array, void, undefined> {
    let start = 0;
    for await (const sample of samples) {
      const { label, key, bytes } = sample;
      const entries = await tarEntries(sample);
      pictures.push({ key, label, offset: start + entries.picture, size: bytes.length });
      start += entries.blocks.length;
      yield entries.blocks;
    }
    yield new Uint8Array(END);
  }
  async function* hashed(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const block of blocks()) {
      hash.update(block);
      yield block;
    }
  }
  const bytes = await writeFileAtomic(file, hashed());
  const index = formatTarIndex(pictures);
  await writeFileAtomic(file + INDEX_SUFFIX, index);
  return { bytes, sha256: hash.digest('hex'), index: sha256Of(index) };
}

/**
 * The blocks of a sample's two files, and where the picture's bytes begin in them. An archive of its own, without its end: an archive that is under way could
 * not be given up cleanly.
 */
async function tarEntries({
  key,
  extension,
  bytes,
  label,
}: SampleFile): Promise<{ blocks: Buffer; picture: number }> {
  const archive = tar.pack();
  const mtime = new Date(0);
  archive.entry(
    { name: `${key}.${extension}`, mtime },
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  );
  archive.entry({ name: `${key}.cls`, mtime }, String(label));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  const whole = Buffer.concat(chunks);
  // A long name takes more than one block.
  let picture: number | undefined;
  await indexTar(memorySource(key, whole), ({ offset }) => {
    picture ??= offset;
  });
  return { blocks: whole.subarray(0, whole.length - END), picture: picture! };
}

/** Whether a file is there and has these bytes. */
export async function hasBytes(file: string, bytes: number | undefined, sha256: string): Promise<boolean> {
  const info = await stat(file).catch(() => undefined);
  if (info === undefined || (bytes !== undefined && info.size !== bytes)) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex') === sha256;
}
