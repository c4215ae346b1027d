import { Reader, ZipReader, type FileEntry } from '@zip.js/zip.js';
import { createWriteStream } from 'node:fs';
import { mkdir, open, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import { UserError } from '../../errors.js';
import { megabytes, withProgress, type SetupLog } from './log.js';

/** Reads a file piece by piece: a wheel of 270 MB is never in memory. */
class FileReader extends Reader<FileHandle> {
  constructor(
    private readonly file: FileHandle,
    override readonly size: number,
  ) {
    super(file);
  }

  override async readUint8Array(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.min(length, this.size - offset));
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await this.file.read(bytes, done, bytes.length - done, offset + done);
      if (bytesRead === 0) throw new Error(`the file ended at byte ${offset + done} of ${this.size}`);
      done += bytesRead;
    }
    return bytes;
  }
}

/**
 * Unpacks the entries of a zip file that `wanted` names into `folder`, checking each one's length and checksum.
 *
 * @returns sizes in bytes by name
 * @throws UserError when the archive is damaged
 */
export async function unpack(
  archive: string,
  folder: string,
  wanted: (name: string) => boolean,
  log: SetupLog,
): Promise<Record<string, number>> {
  const file = await open(archive);
  try {
    const zip = new ZipReader(new FileReader(file, (await stat(archive)).size), {
      useWebWorkers: false,
      checkSignature: true,
      filenameValidation: 'strict',
      checkOverlappingEntry: true,
    });
    const entries = (await zip.getEntries()).filter(
      (entry): entry is FileEntry => !entry.directory && wanted(entry.filename),
    );
    const total = entries.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
    const sizes: Record<string, number> = {};
    let finished = 0;
    let current = 0;
    const work = async (): Promise<void> => {
      for (const entry of entries) {
        sizes[entry.filename] = await unpackEntry(entry, join(folder, entry.filename), (bytes) => {
          current = bytes;
        });
        finished += entry.uncompressedSize;
        current = 0;
      }
    };
    await withProgress(
      log,
      () => `unpacking: ${megabytes(finished + current)} of ${megabytes(total)}`,
      work(),
    );
    await zip.close();
    return sizes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== undefined) throw error;
    throw new UserError(`${archive}: damaged (${(error as Error).message}). Try again.`, { cause: error });
  } finally {
    await file.close();
  }
}

async function unpackEntry(
  entry: FileEntry,
  path: string,
  onprogress: (bytes: number) => void,
): Promise<number> {
  await mkdir(dirname(path), { recursive: true });
  await entry.getData(Writable.toWeb(createWriteStream(path)), {
    onprogress,
  });
  const { size } = await stat(path);
  if (size !== entry.uncompressedSize)
    throw new Error(`${entry.filename}: expected ${entry.uncompressedSize} bytes, found ${size}`);
  return size;
}
