import { CheckpointError } from '../checkpoint-error.js';
import type { ByteSource } from '../source/byte-source.js';
import { crc32 } from './crc32.js';
import type { MemoryBudget } from './memory-budget.js';
import { DEFLATED, readDirectory, zipCorrupt, type ZipEntry } from './zip-directory.js';
import { readRecord } from './zip-record.js';

/**
 * A zip archive as PyTorch writes it: one part, entries stored or deflated, zip64 where needed. Anything that two readers could
 * understand differently is refused. A reader of our own, for a checkpoint has thousands of entries: general ones take longer
 * for their list than reading the weights does.
 */
export class ZipArchive {
  /** Whether entries came without a checksum, as torch.save writes them on request. */
  unchecked = false;

  private constructor(
    private readonly source: ByteSource,
    private readonly budget: MemoryBudget,
    private readonly entries: ReadonlyMap<string, ZipEntry>,
  ) {}

  static async open(source: ByteSource, budget: MemoryBudget): Promise<ZipArchive> {
    return new ZipArchive(source, budget, await readDirectory(source, budget));
  }

  get names(): IterableIterator<string> {
    return this.entries.keys() as IterableIterator<string>;
  }

  /** Unpacked length of an entry, or undefined where there is no such entry. */
  sizeOf(name: string): number | undefined {
    return this.entries.get(name)?.size;
  }

  /** The whole content of an entry, its checksum verified; the array is the caller's own. */
  async read(name: string): Promise<Uint8Array> {
    const entry = this.entries.get(name);
    if (!entry) throw zipCorrupt(this.source.name, `has no entry "${name}"`);
    try {
      const packed = await readRecord(this.source, entry);
      const bytes = entry.method === DEFLATED ? await this.inflate(packed, entry) : packed;
      if (crc32(bytes) === entry.crc32) return bytes;
      if (entry.crc32 !== 0) throw new Error('the checksum does not match the data');
      this.unchecked = true;
      return bytes;
    } catch (error) {
      if (error instanceof CheckpointError) throw error;
      throw zipCorrupt(this.source.name, `${(error as Error).message} (entry "${name}")`, error);
    }
  }

  private async inflate(packed: Uint8Array, { name, size }: ZipEntry): Promise<Uint8Array> {
    this.budget.take(size, `entry "${name}"`);
    const out = new Uint8Array(size);
    let filled = 0;
    const body = new Blob([packed as Uint8Array<ArrayBuffer>]).stream();
    const reader = body.pipeThrough(new DecompressionStream('deflate-raw')).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (filled + value.length > size) {
        await reader.cancel();
        throw new Error('the data is longer than its header says');
      }
      out.set(value, filled);
      filled += value.length;
    }
    if (filled !== size) throw new Error('the data is shorter than its header says');
    // The reader of the entry asks for what it keeps.
    this.budget.release(size);
    return out;
  }
}
