import { open, readFile, type FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { UserError } from '../../errors.js';
import { DamagedError } from './damage.js';
import { readError } from './io-error.js';

/** Bytes that are read by position. */
export interface ByteSource {
  /** Its name in messages. */
  readonly file: string;
  readonly size: number;
  /** How many bytes at a time headers are best read in; undefined: it does not matter much. */
  readonly chunk?: number;
  /**
   * Exactly `length` bytes from `offset` on.
   * @throws UserError when the source ends before.
   */
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** A file on disk. */
export async function openFileSource(file: string): Promise<ByteSource> {
  try {
    const handle = await open(file, 'r');
    const { size } = await handle.stat();
    return {
      file,
      size,
      read: (offset, length) => readFrom(handle, { file, size }, offset, length),
      close: () => handle.close(),
    };
  } catch (error) {
    throw readError(file, error);
  }
}

async function readFrom(
  handle: FileHandle,
  source: Pick<ByteSource, 'file' | 'size'>,
  offset: number,
  length: number,
): Promise<Buffer> {
  checkRange(source, offset, length);
  const buffer = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await handle.read(buffer, done, length - done, offset + done);
    // The file shrank since its size was taken.
    if (bytesRead === 0) checkRange({ file: source.file, size: offset + done }, offset, length);
    done += bytesRead;
  }
  return buffer;
}

/** Bytes in memory. */
export function memorySource(file: string, bytes: Buffer): ByteSource {
  return {
    file,
    size: bytes.length,
    read(offset, length) {
      checkRange({ file, size: bytes.length }, offset, length);
      return Promise.resolve(bytes.subarray(offset, offset + length));
    },
    close: () => Promise.resolve(),
  };
}

/** A part of a source as a source of its own, for as long as the other is open. */
export function slice(source: ByteSource, file: string, start: number, size: number): ByteSource {
  return {
    file,
    size,
    chunk: source.chunk,
    read(offset, length) {
      checkRange({ file, size }, offset, length);
      return source.read(start + offset, length);
    },
    close: () => Promise.resolve(),
  };
}

/**
 * A gzip-compressed file, unpacked into memory.
 * @throws DamagedError when it is damaged, UserError when it unpacks to more than `limit` bytes.
 */
export async function openGzipSource(file: string, limit: number): Promise<ByteSource> {
  let packed: Buffer;
  try {
    packed = await readFile(file);
  } catch (error) {
    throw readError(file, error);
  }
  try {
    return memorySource(file, await promisify(gunzip)(packed, { maxOutputLength: limit }));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE')
      throw new UserError(
        `${file} unpacks to more than ${limit} bytes, and compressed shards are held in memory: gunzip it first.`,
        { cause: error },
      );
    throw new DamagedError(
      `${file} is damaged or truncated: ${error instanceof Error ? error.message : String(error)} (gzip, ${packed.length} bytes).`,
      [],
      { cause: error },
    );
  }
}

/** @throws DamagedError when a part reaches beyond the end */
export function checkRange(
  { file, size }: Pick<ByteSource, 'file' | 'size'>,
  offset: number,
  length: number,
): void {
  if (offset + length > size)
    throw new DamagedError(
      `${file} is truncated: expected ${length} bytes at byte ${offset}, the file has ${size}. Fetch it again.`,
    );
}
