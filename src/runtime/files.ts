import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../errors.js';

export type FileData = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export interface AtomicWriteOptions {
  /** Total bytes, where known: named when the disk is full. */
  size?: number;
  /** Wait until the disk has it. Default true; false for files whose folder is synced as a whole. */
  durable?: boolean;
}

/** Small pieces are gathered into writes of this size, in bytes. */
const BUFFER = 1 << 18;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** A text file; undefined where there is none. Throws UserError for one that cannot be read. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new UserError(`${path}: cannot be read (${(error as Error).message}).`, { cause: error });
  }
}

/** What to tell about a failed write to `path`. */
export async function writeError(error: unknown, path: string, size: number): Promise<UserError> {
  const folder = dirname(path);
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT': {
      const free = await statfs(folder).then(
        (disk) => `, ${megabytes(disk.bavail * disk.bsize)} free`,
        () => '',
      );
      return new UserError(
        `${path}: no space left on the disk (${megabytes(size)} needed${free}). Nothing was changed; free some space or write elsewhere.`,
        { cause: error },
      );
    }
    case 'ENOENT':
    case 'ENOTDIR':
      return new UserError(`${path}: the folder ${folder} does not exist. Create it first.`, {
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new UserError(`${path}: no permission to write there.`, { cause: error });
    case 'EISDIR':
      return new UserError(`${path}: is a folder, expected a file name.`, { cause: error });
    case undefined:
    default:
      return new UserError(
        `${path}: cannot be written (${error instanceof Error ? error.message : String(error)}).`,
        {
          cause: error,
        },
      );
  }
}

/** Bytes, where they are known beforehand. */
function sizeOf(data: FileData): number {
  if (typeof data === 'string') return Buffer.byteLength(data);
  return data instanceof Uint8Array ? data.byteLength : 0;
}

/** On Windows a virus scanner or an indexer may hold either file for a moment. */
async function renameInto(from: string, to: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await rename(from, to);
    } catch (error) {
      const busy = process.platform === 'win32' && ['EPERM', 'EACCES', 'EBUSY'].includes(codeOf(error) ?? '');
      if (!busy || attempt === 5) throw error;
      await sleep(20 * 2 ** attempt);
    }
  }
}

/** Makes the names in a folder survive a power cut. Windows and some network disks cannot; there the files themselves do. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/**
 * Writes a file whole or not at all: into a temporary file beside it, synced to the disk, then renamed. An error, or
 * `data` failing halfway, leaves what was there before and no temporary file. Returns the number of bytes.
 *
 * @throws UserError that says what is wrong with the path or how much space was needed; an error of `data` itself passes through
 */
export async function writeFileAtomic(
  path: string,
  data: FileData,
  options: AtomicWriteOptions = {},
): Promise<number> {
  const target = resolve(path);
  if (
    await stat(target).then(
      (info) => info.isDirectory(),
      () => false,
    )
  )
    throw await writeError({ code: 'EISDIR' }, path, 0);
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
  const chunks = typeof data === 'string' ? [Buffer.from(data)] : data instanceof Uint8Array ? [data] : data;
  let written = 0;
  let failed: { error: unknown } | undefined;
  const io = async <T>(operation: Promise<T>): Promise<T> =>
    operation.catch((error: unknown) => {
      failed = { error };
      throw error;
    });
  try {
    const handle = await io(open(temporary, 'wx'));
    try {
      const write = async (bytes: Uint8Array): Promise<void> => {
        for (let done = 0; done < bytes.byteLength;)
          done += (await io(handle.write(bytes, done, bytes.byteLength - done))).bytesWritten;
      };
      const small = new Uint8Array(BUFFER);
      let waiting = 0;
      for await (const chunk of chunks) {
        if (waiting + chunk.byteLength > BUFFER) {
          await write(small.subarray(0, waiting));
          waiting = 0;
        }
        if (chunk.byteLength > BUFFER) await write(chunk);
        else {
          small.set(chunk, waiting);
          waiting += chunk.byteLength;
        }
        written += chunk.byteLength;
      }
      await write(small.subarray(0, waiting));
      if (options.durable ?? true) await io(handle.sync());
    } finally {
      await handle.close();
    }
    await io(renameInto(temporary, target));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw failed?.error === error
      ? await writeError(error, path, Math.max(options.size ?? sizeOf(data), written))
      : error;
  }
  if (options.durable ?? true) await syncFolder(dirname(target));
  return written;
}

/**
 * Writes a file of a folder that gets its name later (`writeFolder`), which makes both of them whole and durable: neither is done
 * here.
 *
 * @throws UserError that says what is wrong with the path or how much space was needed
 */
export async function writeFileOfFolder(path: string, data: Uint8Array): Promise<void> {
  try {
    const handle = await open(path, 'wx');
    try {
      for (let done = 0; done < data.byteLength;)
        done += (await handle.write(data, done, data.byteLength - done)).bytesWritten;
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw await writeError(error, path, data.byteLength);
  }
}
