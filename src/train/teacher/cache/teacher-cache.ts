import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../../../errors.js';
import { writeError } from '../../../runtime/files.js';
import { takeLock } from '../../run-lock.js';
import type { TeacherOutput } from '../../step-runner.js';
import { decodeEntries, encodeEntries, entryBytes, type EntryFormat } from './entry.js';
import { EpochFile, type EpochLayout } from './epoch-file.js';
import { readManifest, requireSameIdentity, writeManifest, type CacheIdentity } from './manifest.js';

export interface CacheOptions {
  readonly format: EntryFormat;
  readonly batchSize: number;
  /** Batches of an epoch. */
  readonly batches: number;
  /** What it must be made of. */
  readonly identity: CacheIdentity;
  /** Whether what is missing will be added. */
  readonly write: boolean;
  readonly notice: (line: string) => void;
}

/** What a process that was killed leaves of a file it was writing. */
const LEFTOVER = /^\..+\.tmp$/;

/** How much a cache has of what a run needs. */
export interface CacheSize {
  /** Images of all epochs. */
  readonly entries: number;
  /** Of all epochs. */
  readonly bytes: number;
  /** Images that are there. */
  readonly present: number;
}

/**
 * What a teacher said of the images of a run, by epoch and batch, in a folder:
 *
 *     manifest.json      what it was made of
 *     epoch-0000.bin     the batches of an epoch
 *     epoch-0001.part    of the epoch that is being written
 *
 * Killed at any moment it has everything but the batch that was being written.
 */
export class TeacherCache {
  private readonly layout: EpochLayout;
  private current: { readonly epoch: number; readonly file: EpochFile } | undefined;
  private release: (() => void) | undefined;

  private constructor(
    readonly folder: string,
    private readonly options: CacheOptions,
  ) {
    const { format, batchSize, batches } = options;
    this.layout = { payload: batchSize * entryBytes(format), batches };
  }

  /**
   * Opens the cache in a folder, or makes one there.
   *
   * @throws UserError where it was made of something else, or there is none and none may be made
   */
  static async open(folder: string, options: CacheOptions): Promise<TeacherCache> {
    const found = await readManifest(folder);
    if (found !== undefined) requireSameIdentity(folder, found, options.identity);
    else if (!options.write)
      throw new UserError(
        `${folder} holds no teacher cache: make one with \`recnext teach\`, or give the teacher with --teacher-path.`,
      );
    else {
      const others = (await readdir(folder).catch(() => [])).filter((name) => !LEFTOVER.test(name));
      if (others.length > 0)
        throw new UserError(
          `${folder} holds other files and no teacher cache: give an empty or a new folder to --teacher-cache.`,
        );
      await mkdir(folder, { recursive: true }).catch(async (error: unknown) => {
        throw await writeError(error, folder, 0);
      });
      await writeManifest(folder, options.identity);
    }
    return new TeacherCache(folder, options);
  }

  get format(): EntryFormat {
    return this.options.format;
  }

  get batches(): number {
    return this.layout.batches;
  }

  /** What the teacher said of a batch; undefined where it was not asked yet. */
  async read(epoch: number, batch: number): Promise<TeacherOutput | undefined> {
    const file = await this.file(epoch);
    return file?.has(batch) ? decodeEntries(await file.read(batch), this.format) : undefined;
  }

  /** Keeps what a loss needs of the teacher's logits, and gives it as it will be read. */
  async add(epoch: number, batch: number, logits: Float32Array): Promise<TeacherOutput> {
    await this.lock();
    const payload = encodeEntries(logits, this.format);
    let file = await this.file(epoch);
    if (file === undefined) {
      file = await EpochFile.createPart(this.path(epoch, 'part'), this.layout);
      await this.use(epoch, file);
    }
    if (!file.has(batch)) await file.append(batch, payload);
    if (file.isWhole) await this.finish(epoch, file);
    return decodeEntries(payload, this.format);
  }

  /** Batches that an epoch has, ascending. */
  async stored(epoch: number): Promise<number[]> {
    return (await this.file(epoch))?.batches ?? [];
  }

  /**
   * The first batch that is missing of epochs `from.epoch` … `epochs - 1`.
   *
   * @param from where the run begins: what lies before is not needed
   */
  async firstMissing(
    from: { readonly epoch: number; readonly step: number },
    epochs: number,
  ): Promise<{ epoch: number; batch: number } | undefined> {
    for (let { epoch } = from; epoch < epochs; epoch++) {
      const first = epoch === from.epoch ? from.step : 0;
      const file = await this.file(epoch);
      // Killed after its last batch, before it was whole.
      if (file?.isWhole && this.options.write && !existsSync(this.path(epoch, 'bin'))) {
        await this.lock();
        await this.finish(epoch, (await this.file(epoch))!);
        continue;
      }
      for (let batch = first; batch < this.batches; batch++) if (!file?.has(batch)) return { epoch, batch };
    }
    return undefined;
  }

  /** Of the epochs 0 … `epochs - 1`. */
  async size(epochs: number): Promise<CacheSize> {
    const { batchSize } = this.options;
    let present = 0;
    for (let epoch = 0; epoch < epochs; epoch++) present += (await this.stored(epoch)).length;
    const entries = epochs * this.batches * batchSize;
    return { entries, bytes: entries * entryBytes(this.format), present: present * batchSize };
  }

  /** Bytes that its files take. */
  async bytes(): Promise<number> {
    const names = (await readdir(this.folder)).filter((name) => /^epoch-\d+\.(bin|part)$/.test(name));
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(this.folder, name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  async close(): Promise<void> {
    const { current, release } = this;
    this.current = this.release = undefined;
    await current?.file.close();
    release?.();
  }

  private path(epoch: number, kind: 'bin' | 'part'): string {
    return join(this.folder, `epoch-${String(epoch).padStart(4, '0')}.${kind}`);
  }

  /** One process writes. What it had open to read is opened anew. */
  private async lock(): Promise<void> {
    if (this.release !== undefined) return;
    this.release = takeLock(join(this.folder, 'cache.lock'), this.options.notice);
    await this.current?.file.close();
    this.current = undefined;
    for (const name of await readdir(this.folder))
      if (LEFTOVER.test(name)) await rm(join(this.folder, name), { force: true });
  }

  /** The file of an epoch; one at a time is open. */
  private async file(epoch: number): Promise<EpochFile | undefined> {
    if (this.current?.epoch === epoch) return this.current.file;
    const isOurs = this.release !== undefined;
    const whole = await EpochFile.openWhole(this.path(epoch, 'bin'), this.layout);
    // Killed between the two.
    if (whole && isOurs) await rm(this.path(epoch, 'part'), { force: true });
    const file = whole ?? (await EpochFile.openPart(this.path(epoch, 'part'), this.layout, isOurs));
    if (file !== undefined) await this.use(epoch, file);
    return file;
  }

  private async use(epoch: number, file: EpochFile): Promise<void> {
    const before = this.current;
    this.current = { epoch, file };
    await before?.file.close();
  }

  private async finish(epoch: number, file: EpochFile): Promise<void> {
    await file.writeWhole(this.path(epoch, 'bin'));
    await file.close();
    this.current = undefined;
    await rm(this.path(epoch, 'part'), { force: true });
  }
}

/** Throws UserError where a disk has not the room for `bytes` more. */
export async function requireRoom(folder: string, bytes: number): Promise<void> {
  let there = folder;
  while (!existsSync(there)) there = dirname(there);
  const disk = await statfs(there).catch(() => undefined);
  if (disk === undefined || disk.bavail * disk.bsize >= bytes) return;
  throw new UserError(
    `${folder}: the teacher cache will take ${gigabytes(bytes)} more, ${gigabytes(disk.bavail * disk.bsize)} are free: ` +
      `choose another disk, fewer --epochs, or with soft distillation a smaller --teacher-topk.`,
  );
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
