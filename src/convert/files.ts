import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { StateDict } from '../models/state-dict.js';
import { writeFileAtomic } from '../runtime/files.js';
import { readCheckpoint, type Checkpoint, type ReadOptions } from './checkpoint.js';
import { CheckpointError } from './checkpoint-error.js';
import { readJsonFile } from './read/file-names.js';
import { isFolder, type ByteSource, type SourceFolder } from './source/byte-source.js';
import { encodeSafetensors } from './write/safetensors.js';
import type { TorchOptions } from './write/torch.js';

/** The part of this folder that needs Node: files and folders on disk. Everything else also runs in a browser. */

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

function accessError(error: unknown, path: string): CheckpointError {
  const code = codeOf(error);
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new CheckpointError('missing', path, 'no such file or folder', { cause: error });
  if (code === 'EACCES' || code === 'EPERM')
    return new CheckpointError('missing', path, 'no permission to read it', { cause: error });
  return new CheckpointError('missing', path, `cannot be read (${(error as Error).message})`, {
    cause: error,
  });
}

/** A file as a byte source. It is open only while something is read from it. */
class FileSource implements ByteSource {
  private handle: Awaited<ReturnType<typeof open>> | undefined;
  private users = 0;
  private opening: Promise<void> | undefined;

  constructor(
    readonly name: string,
    readonly size: number,
    private readonly modified: number,
  ) {}

  /** Keeps the file open until `body` is done, so that many reads cost one opening. */
  async held<T>(body: () => Promise<T>): Promise<T> {
    this.users++;
    try {
      this.opening ??= this.openHandle();
      await this.opening;
      return await body();
    } finally {
      if (--this.users === 0) {
        const { handle } = this;
        this.handle = undefined;
        this.opening = undefined;
        await handle?.close();
      }
    }
  }

  private async openHandle(): Promise<void> {
    try {
      this.handle = await open(this.name, 'r');
      const { size, mtimeMs } = await this.handle.stat();
      if (size !== this.size || mtimeMs !== this.modified)
        throw new CheckpointError('changed', this.name, 'the file changed while it was being read');
    } catch (error) {
      throw error instanceof CheckpointError ? error : accessError(error, this.name);
    }
  }

  async read(offset: number, length: number, target?: Uint8Array): Promise<Uint8Array> {
    if (!this.handle) return this.held(() => this.read(offset, length, target));
    const bytes = target ?? new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      const { bytesRead } = await this.handle.read(bytes, filled, length - filled, offset + filled);
      if (bytesRead === 0)
        throw new CheckpointError('changed', this.name, 'the file became shorter while it was being read');
      filled += bytesRead;
    }
    return bytes;
  }
}

class DiskFolder implements SourceFolder {
  constructor(readonly name: string) {}

  async list(): Promise<string[]> {
    const entries = await readdir(this.name, { withFileTypes: true });
    // A link may be a file: model hubs' caches consist of them.
    return entries
      .filter((entry) => entry.isFile() || entry.isSymbolicLink())
      .map((entry) => entry.name)
      .sort();
  }

  async open(file: string): Promise<ByteSource> {
    const source = await openSource(join(this.name, file));
    if (!isFolder(source)) return source;
    throw new CheckpointError('directory', source.name, 'a folder where a file was expected');
  }
}

/** The file or folder at `path`, ready to be read. Special files (pipes, devices) are refused. */
export async function openSource(path: string): Promise<ByteSource | SourceFolder> {
  const info = await stat(path).catch((error: unknown) => {
    throw accessError(error, path);
  });
  if (info.isDirectory()) return new DiskFolder(path);
  if (!info.isFile()) throw new CheckpointError('unsupported', path, 'neither a file nor a folder');
  return new FileSource(path, info.size, info.mtimeMs);
}

/** The content of a JSON file from outside, its size and depth bounded. */
export async function openJson(path: string): Promise<unknown> {
  const source = await openSource(path);
  if (isFolder(source)) throw new CheckpointError('directory', path, 'a folder where a file was expected');
  return readJsonFile(source);
}

/** A JSON file that lists weight files stands for the folder it lies in. */
const LISTS = /^(model\.json|.+\.index\.json)$/;

/**
 * Reads the checkpoint at `path`: a file of any format that `readCheckpoint` knows, a folder of them, or the JSON file that
 * lists a folder's weight files.
 *
 * @throws CheckpointError with a `kind` for everything that cannot be read
 */
export async function openCheckpoint(path: string, options: ReadOptions = {}): Promise<Checkpoint> {
  const source = await openSource(path);
  if (isFolder(source)) return readCheckpoint(source, options);
  if (LISTS.test(basename(path))) return readCheckpoint(new DiskFolder(dirname(path)), options);
  return (source as FileSource).held(() => readCheckpoint(source, options));
}

/** Writes tensors as a safetensors file, whole or not at all. Returns its size in bytes. */
export async function writeSafetensors(
  path: string,
  tensors: StateDict,
  metadata: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { size, chunks } = encodeSafetensors(tensors, metadata);
  return writeFileAtomic(path, chunks(), { size });
}

/** Writes tensors as torch.save would, so that `torch.load(path, weights_only=True)` reads them. Returns its size in bytes. */
export async function writeTorch(
  path: string,
  tensors: StateDict,
  options: TorchOptions = {},
): Promise<number> {
  // The writer of zip files is loaded only where one is written.
  const { encodeTorch } = await import('./write/torch.js');
  const { size, chunks } = encodeTorch(tensors, options);
  return writeFileAtomic(path, chunks(), { size });
}
