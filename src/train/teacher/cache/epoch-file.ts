import { open, type FileHandle } from 'node:fs/promises';
import { crc32 } from '../../../convert/read/crc32.js';
import { UserError } from '../../../errors.js';
import { writeError, writeFileAtomic } from '../../../runtime/files.js';

/**
 * The batches of an epoch in a file:
 *
 *     header   "RNTC", version, bytes of a batch, batches of the epoch    4 words
 *     record   number of the batch, CRC-32 of that and of the bytes       2 words, then the bytes
 *     …
 *
 * Words are 32 bits, little-endian. A whole file has every batch, in order. One that is being written (`.part`) has them as they came, and its last
 * record may be cut off: everything up to it counts.
 */
const MAGIC = 0x43544e52; // "RNTC"
const VERSION = 1;
const HEADER = 16;
const RECORD = 8;

export interface EpochLayout {
  /** Bytes of a batch. */
  readonly payload: number;
  /** Batches of the epoch. */
  readonly batches: number;
}

/** A file of batches that is open to be read. */
export class EpochFile {
  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    private readonly layout: EpochLayout,
    /** Records of batches, by the batches' numbers. */
    private readonly records: Map<number, number>,
  ) {}

  /** A whole file; undefined where there is none. Throws UserError for one that is none, or of another layout. */
  static async openWhole(path: string, layout: EpochLayout): Promise<EpochFile | undefined> {
    const handle = await openIfThere(path, 'r');
    if (handle === undefined) return undefined;
    try {
      await checkHeader(handle, path, layout);
      const { size } = await handle.stat();
      const expected = HEADER + layout.batches * (RECORD + layout.payload);
      if (size !== expected)
        throw new UserError(
          `${path}: expected ${expected} bytes, found ${size}. Remove it and teach it again.`,
        );
      const records = new Map(Array.from({ length: layout.batches }, (_, i) => [i, i]));
      return new EpochFile(path, handle, layout, records);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * A file that was being written; undefined where there is none, or not even its header is whole: then it begins anew.
   *
   * @param write to go on with it: what is cut off at its end is removed
   */
  static async openPart(path: string, layout: EpochLayout, write: boolean): Promise<EpochFile | undefined> {
    const handle = await openIfThere(path, write ? 'r+' : 'r');
    if (handle === undefined) return undefined;
    try {
      const { size } = await handle.stat();
      if (!(await readHeader(handle)).equals(header(layout))) {
        await handle.close();
        return undefined;
      }
      const file = new EpochFile(path, handle, layout, new Map());
      const count = await file.scan(Math.floor((size - HEADER) / (RECORD + layout.payload)));
      if (write) await handle.truncate(HEADER + count * (RECORD + layout.payload));
      return file;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Begins a file, in place of one that may be there. */
  static async createPart(path: string, layout: EpochLayout): Promise<EpochFile> {
    try {
      const handle = await open(path, 'w+');
      await handle.write(header(layout), 0, HEADER, 0);
      return new EpochFile(path, handle, layout, new Map());
    } catch (error) {
      throw await writeError(error, path, HEADER);
    }
  }

  has(batch: number): boolean {
    return this.records.has(batch);
  }

  /** Numbers of its batches, ascending. */
  get batches(): number[] {
    return [...this.records.keys()].sort((a, b) => a - b);
  }

  get isWhole(): boolean {
    return this.records.size === this.layout.batches;
  }

  /** The bytes of a batch that it has. Throws UserError where the disk gives others than were written. */
  async read(batch: number): Promise<Uint8Array> {
    const bytes = await this.record(this.records.get(batch)!);
    if (bytes === undefined || bytes.batch !== batch)
      throw new UserError(
        `${this.path}: batch ${batch} is damaged (its checksum is another one). Remove the file and teach it again.`,
      );
    return bytes.payload;
  }

  /** Adds a batch at the end of a part. */
  async append(batch: number, payload: Uint8Array): Promise<void> {
    const record = encode(batch, payload);
    const place = this.records.size;
    try {
      await this.handle.write(record, 0, record.byteLength, HEADER + place * record.byteLength);
    } catch (error) {
      throw await writeError(error, this.path, record.byteLength);
    }
    this.records.set(batch, place);
  }

  /** Writes a part that has all batches as a whole file, in order. */
  async writeWhole(path: string): Promise<void> {
    const { layout } = this;
    const size = HEADER + layout.batches * (RECORD + layout.payload);
    const chunks = async function* (file: EpochFile): AsyncGenerator<Uint8Array> {
      yield header(layout);
      for (let batch = 0; batch < layout.batches; batch++) yield encode(batch, await file.read(batch));
    };
    await writeFileAtomic(path, chunks(this), { size });
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  /** Takes the records up to the first that is not whole. Returns how many there are. */
  private async scan(limit: number): Promise<number> {
    for (let place = 0; place < limit; place++) {
      const record = await this.record(place);
      // A batch that stands there twice is the work of nobody here.
      if (record === undefined || record.batch >= this.layout.batches || this.records.has(record.batch))
        return place;
      this.records.set(record.batch, place);
    }
    return limit;
  }

  /** Undefined: cut off, or its checksum is another one. */
  private async record(place: number): Promise<{ batch: number; payload: Uint8Array } | undefined> {
    const length = RECORD + this.layout.payload;
    const bytes = Buffer.alloc(length);
    const { bytesRead } = await this.handle.read(bytes, 0, length, HEADER + place * length);
    if (bytesRead < length) return undefined;
    const payload = bytes.subarray(RECORD);
    const batch = bytes.readUInt32LE(0);
    return bytes.readUInt32LE(4) === checksum(batch, payload) ? { batch, payload } : undefined;
  }
}

function encode(batch: number, payload: Uint8Array): Uint8Array {
  const record = Buffer.alloc(RECORD + payload.byteLength);
  record.writeUInt32LE(batch, 0);
  record.writeUInt32LE(checksum(batch, payload), 4);
  record.set(payload, RECORD);
  return record;
}

/** The number of the batch is part of what is checked. */
function checksum(batch: number, payload: Uint8Array): number {
  return (crc32(payload) ^ Math.imul(batch + 1, 0x9e3779b1)) >>> 0;
}

function header({ payload, batches }: EpochLayout): Uint8Array {
  const bytes = Buffer.alloc(HEADER);
  [MAGIC, VERSION, payload, batches].forEach((word, i) => bytes.writeUInt32LE(word, 4 * i));
  return bytes;
}

async function readHeader(handle: FileHandle): Promise<Buffer> {
  const found = Buffer.alloc(HEADER);
  await handle.read(found, 0, HEADER, 0);
  return found;
}

async function checkHeader(handle: FileHandle, path: string, layout: EpochLayout): Promise<void> {
  const found = await readHeader(handle);
  if (found.equals(header(layout))) return;
  const [magic, version, payload, batches] = [0, 4, 8, 12].map((at) => found.readUInt32LE(at));
  throw new UserError(
    magic !== MAGIC || version !== VERSION
      ? `${path}: not a file of a teacher cache of this version.`
      : `${path}: expected ${layout.batches} batches of ${layout.payload} bytes, found ${batches} of ${payload}.`,
  );
}

async function openIfThere(path: string, flags: 'r' | 'r+'): Promise<FileHandle | undefined> {
  try {
    return await open(path, flags);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UserError(`${path}: cannot be opened (${(error as Error).message}).`, { cause: error });
  }
}
