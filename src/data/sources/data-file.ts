import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../../errors.js';
import { openFileSource, type ByteSource } from './byte-source.js';
import { readError } from './io-error.js';

/** How a file will be read: sample by sample in any order; from end to end, or by the headers of a tar, to list what is in it. */
export type FileUse = 'samples' | 'whole' | 'headers';

/** A file that samples are read from: on a disk, on the web, in a bucket. */
export interface DataFile {
  /** Path or address, for messages: without what signs or authorises it. */
  readonly name: string;
  readonly size: number;
  /** Another one when the bytes may be others: size and time of a file on disk, ETag or checksum elsewhere. */
  readonly version: string;
  readonly isRemote: boolean;
  /** Opens it for reading by position. Whoever opens it closes it. */
  open(use?: FileUse): Promise<ByteSource>;
  /** The text of a small file beside it; undefined where there is none. */
  beside(name: string): Promise<string | undefined>;
  /** What is in it, where whoever packed it has written that down beside it, and the bytes are those. */
  published?(): Promise<string | undefined>;
  /** After bytes turned out to be damaged: whether they will be fetched again by the next `open`. Of files of the user's own, never. */
  renew(): Promise<boolean>;
}

/** Larger texts are no lists of labels: ten million lines have less. */
const MAX_TEXT = 2 ** 28;

/** @throws UserError when it is not there or may not be read */
export async function localFile(file: string): Promise<DataFile> {
  try {
    const { size, mtimeMs } = await stat(file);
    return {
      name: file,
      size,
      version: `${size} ${mtimeMs}`,
      isRemote: false,
      open: () => openFileSource(file),
      beside: (name) => readText(path.join(path.dirname(file), name)),
      renew: () => Promise.resolve(false),
    };
  } catch (error) {
    throw readError(file, error);
  }
}

/** A text file, read whole; undefined where there is none. Throws UserError for one that is too large or may not be read. */
export async function readText(file: string): Promise<string | undefined> {
  try {
    const { size } = await stat(file);
    if (size > MAX_TEXT)
      throw new UserError(`${file} has ${size} bytes: expected a list of at most ${MAX_TEXT} bytes.`);
    return (await readFile(file, 'utf8')).replace(/^\uFEFF/, '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error instanceof UserError ? error : readError(file, error);
  }
}

/** Opens a file for as long as `use` takes. */
export async function withSource<T>(
  file: DataFile,
  use: (source: ByteSource) => Promise<T>,
  how?: FileUse,
): Promise<T> {
  const source = await file.open(how);
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}
