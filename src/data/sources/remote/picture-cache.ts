import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../../../runtime/files.js';

/** Of the limit, so much is freed at a time. */
const FREED = 0.05;

/**
 * Pictures that were fetched one by one, in a folder of bounded size. When it is full, what this process has not used goes first to make room, the oldest
 * before; of what it uses itself nothing goes, since every picture is as likely to be wanted next as any other. A folder that cannot be written to is no cache,
 * and no error.
 */
export class PictureCache {
  /** Files that this process has read or written. */
  readonly #used = new Set<string>();
  /** Bytes in the folder, counted once, then kept up to date. */
  #bytes: Promise<number> | undefined;
  /** One writes at a time: two may not count on the same room. */
  #writing: Promise<unknown> = Promise.resolve();
  #isOff: boolean;
  #isFull = false;

  /** @param limit bytes that all pictures together may take; 0: none is kept */
  constructor(
    private readonly folder: string,
    private readonly limit: number,
  ) {
    this.#isOff = limit === 0;
  }

  /** The picture of an address: from the folder, or fetched. */
  async of(address: string, fetch: () => Promise<Uint8Array>): Promise<Uint8Array> {
    if (this.#isOff) return fetch();
    const digest = createHash('sha256').update(address).digest('hex').slice(0, 32);
    const file = path.join(this.folder, digest.slice(0, 2), digest);
    const kept = await readFile(file).catch(() => undefined);
    if (kept !== undefined) {
      if (!this.#used.has(file)) {
        this.#used.add(file);
        const now = new Date();
        await utimes(file, now, now).catch(() => undefined);
      }
      return kept;
    }
    const bytes = await fetch();
    if (this.#isFull) return bytes;
    const written = this.#writing.then(() => this.keep(file, bytes));
    this.#writing = written.catch(() => {
      this.#isOff = true; // a full or foreign disk: the next ones would fail as well
    });
    await this.#writing;
    return bytes;
  }

  private async keep(file: string, bytes: Uint8Array): Promise<void> {
    const total = await (this.#bytes ??= this.count());
    const rest = total + bytes.length > this.limit ? await this.makeRoom(total) : total;
    this.#bytes = Promise.resolve(rest);
    this.#isFull = rest + bytes.length > this.limit;
    if (this.#isFull) return;
    await mkdir(path.dirname(file), { recursive: true });
    await writeFileAtomic(file, bytes, { durable: false });
    this.#used.add(file);
    this.#bytes = Promise.resolve(rest + bytes.length);
  }

  private async count(): Promise<number> {
    return (await this.entries()).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Removes what was used longest ago, and not by this process. Returns the bytes that are left. */
  private async makeRoom(total: number): Promise<number> {
    const old = (await this.entries()).filter(({ file }) => !this.#used.has(file));
    if (old.length === 0) return total;
    old.sort((a, b) => a.time - b.time);
    for (const { file, bytes } of old) {
      if (total <= this.limit * (1 - FREED)) break;
      await rm(file, { force: true });
      total -= bytes;
    }
    return total;
  }

  private async entries(): Promise<{ file: string; bytes: number; time: number }[]> {
    const found: { file: string; bytes: number; time: number }[] = [];
    for (const part of await readdir(this.folder).catch(() => [] as string[])) {
      const names = await readdir(path.join(this.folder, part)).catch(() => [] as string[]);
      for (const name of names) {
        const file = path.join(this.folder, part, name);
        const info = await stat(file).catch(() => undefined);
        if (info?.isFile()) found.push({ file, bytes: info.size, time: info.mtimeMs });
      }
    }
    return found;
  }
}
