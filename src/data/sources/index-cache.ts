import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../../runtime/files.js';
import type { DataFile } from './data-file.js';
import { decodeIndex, encodeIndex } from './index-file.js';
import type { SampleIndex } from './sample-index.js';

/** Listing fewer samples again takes no longer than finding their index. */
const WORTH_KEEPING = 5000;

/** Where the pictures of shards lie, kept from run to run: listing a tar of a million files reads a million headers. */
export class IndexCache {
  constructor(
    private readonly folder: string,
    private readonly notice: (line: string) => void,
  ) {}

  /**
   * The index of a shard: as it was listed before if the shard is still the same, or listed now.
   * @param reading how it is read; the same file read in another way has another index
   */
  async of(file: DataFile, reading: string, list: () => Promise<SampleIndex>): Promise<SampleIndex> {
    const name = createHash('sha256').update(`${reading}\n${file.name}`).digest('hex').slice(0, 32);
    const target = path.join(this.folder, `${name}.idx`);
    const known = await this.read(target, file.version);
    if (known !== undefined) return known;
    const index = await list();
    if (file.isRemote || index.labels.length >= WORTH_KEEPING)
      await this.write(target, encodeIndex(index, file.version));
    return index;
  }

  /** What is there and fits; anything else is listed anew and replaced. */
  private async read(target: string, version: string): Promise<SampleIndex | undefined> {
    const bytes = await readFile(target).catch(() => undefined);
    return bytes && decodeIndex(bytes, version);
  }

  /** A cache that cannot be written costs time, not the run. */
  private async write(target: string, bytes: Buffer): Promise<void> {
    try {
      await mkdir(this.folder, { recursive: true });
      await writeFileAtomic(target, bytes, { durable: false });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.notice(`the list of samples is not kept for next time: ${reason}`);
    }
  }
}
