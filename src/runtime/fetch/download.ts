import { existsSync } from 'node:fs';
import { mkdir, open, rename, statfs, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '../../errors.js';
import { fetchTiming, type FetchOptions, type FetchProgress } from './fetch-options.js';
import type { Client } from './http.js';
import { claimPartial, releasePartial } from './partial-file.js';
import { Transfer, type Remote } from './transfer.js';

export interface Download extends Remote {
  /** Where the file goes. It gets this name only when it is whole and checked. */
  readonly target: string;
  /** What messages call it. */
  readonly label: string;
  /** What a progress bar calls it. */
  readonly file: string;
  /** Environment variable that moves the cache, for messages. */
  readonly cacheVariable: string;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/**
 * Fetches a file, unless it is there: resumed where an earlier attempt ended, checked, and in its place at once. Several processes
 * may fetch the same file; one does, the others wait for it.
 *
 * @throws TransferError when the network fails for good, UserError for everything else a user can act on
 */
export async function download(job: Download, client: Client, options: FetchOptions): Promise<void> {
  const { target, label, size, file } = job;
  let progress: FetchProgress | undefined;
  try {
    await mkdir(dirname(target), { recursive: true });
    const partial = await claimPartial(target, {
      ...fetchTiming(options),
      signal: options.signal,
      onWait: () => options.notice?.(`${label} is being fetched by another process: waiting for it`),
    });
    if (partial === undefined) return;
    try {
      const handle = await open(partial, 'r+');
      try {
        const transfer = new Transfer(job, handle, client, options);
        await transfer.resume();
        if (size !== undefined) await needSpace(job, size - transfer.received);
        const from = transfer.received === 0 ? '' : `, from ${megabytes(transfer.received)} on`;
        options.notice?.(`fetching ${label}${size === undefined ? '' : ` (${megabytes(size)}${from})`}`);
        progress = size === undefined ? undefined : options.startProgress?.(file, size);
        await transfer.run((received) => progress?.update(received));
        await sync(handle);
      } finally {
        await handle.close();
      }
      await putInPlace(partial, target);
    } catch (error) {
      await releasePartial(target, partial);
      throw error;
    }
  } catch (error) {
    throw explainDisk(error, job);
  } finally {
    progress?.done();
  }
}

async function sync(handle: FileHandle): Promise<void> {
  // Some network disks cannot; what is read next is still what was written.
  await handle.sync().catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOSPC' || error.code === 'EIO') throw error;
  });
}

/** Another process may have put the same bytes there already; on Windows, and then read by someone, they stay. */
async function putInPlace(partial: string, target: string): Promise<void> {
  await rename(partial, target).catch((error: unknown) => {
    if (!existsSync(target)) throw error;
  });
}

async function needSpace({ target, label, cacheVariable }: Download, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(target));
  if (bavail * bsize >= bytes) return;
  throw new UserError(
    `${label}: ${megabytes(bytes)} needed in ${dirname(target)}, ${megabytes(bavail * bsize)} free: free some space, or set ${cacheVariable} to a folder on another disk`,
  );
}

function explainDisk(error: unknown, { target, label, cacheVariable }: Download): unknown {
  switch ((error as NodeJS.ErrnoException).code ?? '') {
    case 'ENOSPC':
    case 'EDQUOT':
      return new UserError(
        `${label}: no space left on the disk of ${dirname(target)}: free some, or set ${cacheVariable} to a folder on another disk. What has come is kept`,
        { cause: error },
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
    case 'EEXIST':
      return new UserError(
        `${label}: ${dirname(target)} cannot be written to: set ${cacheVariable} to a folder of yours`,
        { cause: error },
      );
    default:
      return error;
  }
}
