/** Bytes at random access: a file, a Blob in a browser, a buffer. */
export interface ByteSource {
  /** What messages call it: a path or a file name. Never used to recognise the format. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset`; the caller has checked both against `size`. The array may share memory with
   * the source: read it, do not write to it.
   *
   * @param target of that length: a source that must put the bytes somewhere puts them there. Others may ignore it
   */
  read(offset: number, length: number, target?: Uint8Array): Promise<Uint8Array>;
}

/** Files that belong together: a timm folder, a sharded checkpoint, a TF.js model. */
export interface SourceFolder {
  readonly name: string;
  /** Names of the plain files directly inside. */
  list(): Promise<string[]>;
  /** The file of that name, or undefined. Only called with names that `list` gave. */
  open(file: string): Promise<ByteSource>;
}

export const isFolder = (source: ByteSource | SourceFolder): source is SourceFolder => 'list' in source;

/** Bytes of a source in an array that belongs to the caller alone. */
export async function readOwn(source: ByteSource, offset: number, length: number): Promise<Uint8Array> {
  const own = new Uint8Array(length);
  const bytes = await source.read(offset, length, own);
  if (bytes.buffer !== own.buffer) own.set(bytes);
  return own;
}

/** A source over bytes in memory. */
export function bufferSource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    size: bytes.byteLength,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
}

/** A source over a Blob, such as a file dropped on a page: only the ranges asked for are read. */
export function blobSource(blob: Blob, name: string): ByteSource {
  return {
    name,
    size: blob.size,
    read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
  };
}

/** A folder of sources that are already there, by name: files picked in a browser, fixtures in a test. */
export function sourceFolder(name: string, files: Iterable<readonly [string, ByteSource]>): SourceFolder {
  const byName = new Map(files);
  return {
    name,
    list: () => Promise.resolve([...byName.keys()]),
    open: (file) => {
      const source = byName.get(file);
      return source ? Promise.resolve(source) : Promise.reject(new Error(`no file "${file}" in ${name}`));
    },
  };
}

/**
 * Reads small neighbouring ranges out of one larger read: zip headers and the small tensors beside them would otherwise
 * cost a round trip each. They are copied out of it: its memory is used again.
 */
export function buffered(source: ByteSource, window = 1 << 23): ByteSource {
  let memory: Uint8Array | undefined;
  let ahead = new Uint8Array(0);
  let start = 0;
  const read = async (offset: number, length: number, target: Uint8Array): Promise<Uint8Array> => {
    if (offset < start || offset + length > start + ahead.length) {
      if (length > window / 4) return source.read(offset, length, target);
      memory ??= new Uint8Array(Math.min(window, source.size));
      ahead = new Uint8Array(0);
      const count = Math.min(window, source.size - offset);
      ahead = (await source.read(offset, count, memory.subarray(0, count))) as Uint8Array<ArrayBuffer>;
      start = offset;
    }
    target.set(ahead.subarray(offset - start, offset - start + length));
    return target;
  };
  // One after the other: two at once would fill the memory under each other.
  let last: Promise<unknown> = Promise.resolve();
  return {
    name: source.name,
    size: source.size,
    read(offset, length, target = new Uint8Array(length)) {
      const result = last.then(() => read(offset, length, target));
      last = result.catch(() => undefined);
      return result;
    },
  };
}
