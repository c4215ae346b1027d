import envPaths from 'env-paths';
import { mkdir, open, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../errors.js';
import type { SetupLog } from './log.js';

/** Where downloaded and built parts are kept: `RECNEXT_CACHE`, else the user's cache folder of this system. */
export function cacheFolder(): string {
  const chosen = process.env.RECNEXT_CACHE;
  return chosen ? resolve(chosen) : envPaths('recnext', { suffix: '' }).cache;
}

/**
 * Fills a new folder under a temporary name and renames it to `path` when `fill` is done: `path` is whole or not there. What was
 * there before is replaced.
 */
export async function fillFolder(path: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.tmp-${process.pid}`;
  await rm(temporary, { recursive: true, force: true });
  try {
    await mkdir(temporary, { recursive: true });
    await fill(temporary);
    await rm(path, { recursive: true, force: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw explainDisk(error, path);
  }
}

/** Turns the errors that a full or read-only disk gives into what a user can act on. */
export function explainDisk(error: unknown, path: string): unknown {
  switch ((error as NodeJS.ErrnoException).code ?? '') {
    case 'ENOSPC':
    case 'EDQUOT':
      return new UserError(
        `${path}: no space left on the disk. Free some, or set RECNEXT_CACHE to a folder on another disk.`,
        { cause: error },
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new UserError(`${path}: no permission to write there. Set RECNEXT_CACHE to a folder of yours.`, {
        cause: error,
      });
    default:
      return error;
  }
}

/** @throws UserError when less than `bytes` are free where `folder` is */
export async function needSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < bytes)
    throw new UserError(
      `${folder}: ${(bytes / 1e9).toFixed(1)} GB needed, ${((bavail * bsize) / 1e9).toFixed(1)} GB free. Free some space, or set RECNEXT_CACHE to a folder on another disk.`,
    );
}

/**
 * Runs `work` while no other set-up of this cache runs. Waits for one that does; takes the lock of one that died. Two set-ups
 * at once could not damage the cache (it is filled by renaming), but would download everything twice.
 */
export async function withCacheLock<T>(log: SetupLog, work: () => Promise<T>): Promise<T> {
  const folder = cacheFolder();
  const path = join(folder, 'setup.lock');
  try {
    await mkdir(folder, { recursive: true });
    while (!(await createLock(path))) {
      const owner = await lockOwner(path);
      if (owner === 'gone') {
        await sleep(20);
      } else if (owner === 'dead') {
        log.step(`taking over ${path}: the set-up that made it is gone`);
        await rm(path, { force: true });
      } else {
        log.progress(`waiting for the set-up that process ${owner.pid} on ${owner.host} runs (${path})`);
        await sleep(500);
      }
    }
  } catch (error) {
    throw explainDisk(error, folder);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

/** A lock that cannot be read is being written, unless it is older than this. */
const WRITING_MS = 10_000;

interface LockOwner {
  pid: number;
  host: string;
}

async function createLock(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(JSON.stringify({ pid: process.pid, host: hostname() } satisfies LockOwner));
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** `gone`: the lock is no longer there, or is being written at this moment. */
async function lockOwner(path: string): Promise<LockOwner | 'dead' | 'gone'> {
  let owner: LockOwner;
  try {
    owner = JSON.parse(await readFile(path, 'utf8')) as LockOwner;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'gone';
    if (!(error instanceof SyntaxError)) throw error;
    const age = Date.now() - (await stat(path)).mtimeMs;
    return age > WRITING_MS ? 'dead' : 'gone';
  }
  // Of a process on another host nothing is known: it counts as running.
  if (owner.host !== hostname()) return owner;
  try {
    process.kill(owner.pid, 0);
    return owner;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? owner : 'dead';
  }
}
