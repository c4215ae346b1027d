import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { UsageError, UserError } from '../../../errors.js';
import { download } from '../../../runtime/fetch/download.js';
import type { FetchOptions } from '../../../runtime/fetch/fetch-options.js';
import { explainTransfer } from '../../../runtime/fetch/transfer-error.js';
import type { RemoteFile } from './remote-file.js';

/** A shard in the cache that stays there until it is released. */
export interface Lease {
  readonly path: string;
  release(): void;
}

/**
 * Shards that were fetched, in a folder of bounded size. What was used longest ago goes first when room is needed; what is in use never
 * goes. Several processes may share the folder: each file is fetched by one of them, checked, and appears whole.
 */
export class ShardCache {
  /** How many use a file, by path. */
  readonly #inUse = new Map<string, number>();
  /** Files on their way in, those that wait for room among them. */
  readonly #coming = new Map<string, Promise<void>>();
  /** Room that files take which are being fetched, bytes by path. */
  readonly #reserved = new Map<string, number>();
  #waiting: (() => void)[] = [];
  /** Making room is one at a time: two may not count on the same bytes. */
  #room: Promise<unknown> = Promise.resolve();

  /** @param limit bytes that all the files together may take */
  constructor(
    private readonly folder: string,
    readonly limit: number,
    private readonly options: FetchOptions,
  ) {}

  private pathOf({ name, version }: RemoteFile): string {
    const digest = createHash('sha256').update(`${name}\n${version}`).digest('hex').slice(0, 24);
    const base = name.slice(name.lastIndexOf('/') + 1).replace(/[^\w.-]/g, '_');
    return path.join(this.folder, `${digest}-${base.slice(-80)}`);
  }

  /** Whether a file is here. */
  async has(file: RemoteFile): Promise<boolean> {
    return (await stat(this.pathOf(file)).catch(() => undefined)) !== undefined;
  }

  /**
   * The file, fetched if it isn't here yet.
   * @throws UsageError when it is larger than the cache may become, UserError for a network, a server or a disk that fails
   */
  async acquire(file: RemoteFile): Promise<Lease> {
    const target = this.pathOf(file);
    this.#inUse.set(target, (this.#inUse.get(target) ?? 0) + 1);
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      const left = this.#inUse.get(target)! - 1;
      if (left === 0) this.#inUse.delete(target);
      else this.#inUse.set(target, left);
      this.wake();
    };
    try {
      await this.bring(file, target);
      return { path: target, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Removes a file that turned out to be damaged. */
  async drop(file: RemoteFile): Promise<void> {
    await rm(this.pathOf(file), { force: true });
  }

  private async bring(file: RemoteFile, target: string): Promise<void> {
    const now = new Date();
    // The time says when it was used last, to other processes as well.
    const isHere = await utimes(target, now, now).then(
      () => true,
      () => false,
    );
    if (isHere) return;
    const coming = this.#coming.get(target);
    if (coming !== undefined) return coming;
    const done = this.fetch(file, target).finally(() => {
      this.#coming.delete(target);
      this.#reserved.delete(target);
      this.wake();
    });
    this.#coming.set(target, done);
    return done;
  }

  private async fetch(file: RemoteFile, target: string): Promise<void> {
    const room = this.#room.then(() => this.makeRoom(file, target));
    this.#room = room.catch(() => undefined);
    await room;
    const { remote, client, name } = file;
    try {
      const checksum = (await file.checksum?.()) ?? remote.checksum;
      await download(
        {
          ...remote,
          checksum,
          target,
          label: name,
          file: path.basename(target),
          cacheVariable: '--cache-dir',
        },
        client,
        this.options,
      );
    } catch (error) {
      throw explainTransfer(error, name, remote.url, '');
    }
  }

  /** Removes what was used longest ago until the file fits in; waits for what is in use. */
  private async makeRoom(file: RemoteFile, target: string): Promise<void> {
    const { size } = file.remote;
    if (size > this.limit)
      throw new UsageError(
        `${file.name} has ${size} bytes, more than the cache may take (--cache-limit ${this.limit}): raise the limit.`,
      );
    await mkdir(this.folder, { recursive: true }).catch((error: unknown) => {
      throw new UserError(
        `${this.folder} cannot be made (${(error as NodeJS.ErrnoException).code}): set --cache-dir to a folder that may be written to.`,
        { cause: error },
      );
    });
    for (;;) {
      // Taken before the folder is read: what becomes whole meanwhile is counted all the same, and once.
      const reserved = new Map(this.#reserved);
      const entries = await this.entries();
      let total = [...reserved.values()].reduce((sum, bytes) => sum + bytes, 0);
      for (const entry of entries) if (!reserved.has(entry.path)) total += entry.size;
      for (const { path: old, size: bytes } of entries) {
        if (total + size <= this.limit) break;
        if (this.#inUse.has(old)) continue;
        await rm(old, { force: true });
        total -= bytes;
      }
      if (total + size <= this.limit) {
        this.#reserved.set(target, size);
        return;
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  private wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** What is here, the longest unused first. What processes have left unfinished is no one's to keep once it is old. */
  private async entries(): Promise<{ path: string; size: number; time: number }[]> {
    const names = await readdir(this.folder);
    const entries = await Promise.all(
      names.map(async (name) => {
        const full = path.join(this.folder, name);
        const info = await stat(full).catch(() => undefined);
        return info && !name.endsWith('.incomplete') && info.isFile()
          ? [{ path: full, size: info.size, time: info.mtimeMs }]
          : [];
      }),
    );
    return entries.flat().sort((a, b) => a.time - b.time);
  }
}
