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
 * cost a round trip each. Several reads may be under way at once.
 */
export function buffered(source: ByteSource, window = 1 << 23): ByteSource {
  let start = 0;
  let end = 0;
  let bytes: Promise<Uint8Array> | undefined;
  return {
    name: source.name,
    size: source.size,
    async read(offset, length, target) {
      if (bytes === undefined || offset < start || offset + length > end) {
        if (length > window / 4) return source.read(offset, length, target);
        start = offset;
        end = Math.min(offset + window, source.size);
        bytes = source.read(start, end - start);
      }
      const from = offset - start;
      return (await bytes).subarray(from, from + length);
    },
  };
}
