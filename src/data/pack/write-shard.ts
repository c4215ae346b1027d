import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import tar from 'tar-stream';
import { writeFileAtomic } from '../../runtime/files.js';
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

/**
 * Writes a WebDataset shard, whole or not at all: of each sample the picture, then its label in a `.cls`. The same samples give the same bytes.
 *
 * @throws what `samples` throws, and UserError when the file can't be written
 */
export async function writeShard(
  file: string,
  samples: AsyncIterable<SampleFile>,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  async function* blocks(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const sample of samples) yield* tarEntries(sample);
    yield new Uint8Array(END);
  }
  async function* hashed(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const block of blocks()) {
      hash.update(block);
      yield block;
    }
  }
  const bytes = await writeFileAtomic(file, hashed());
  return { bytes, sha256: hash.digest('hex') };
}

/** The blocks of a sample's two files. An archive of its own, without its end: an archive that is under way could not be given up cleanly. */
async function* tarEntries({
  key,
  extension,
  bytes,
  label,
}: SampleFile): AsyncGenerator<Uint8Array, void, undefined> {
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
  yield whole.subarray(0, whole.length - END);
}

/** Whether a file is there and has these bytes. */
export async function hasBytes(file: string, bytes: number, sha256: string): Promise<boolean> {
  const info = await stat(file).catch(() => undefined);
  if (info?.size !== bytes) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex') === sha256;
}
