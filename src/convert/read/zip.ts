import {
  Reader,
  WARNING_TRAILING_CENTRAL_DIRECTORY_DATA,
  WARNING_UNSORTED_CENTRAL_DIRECTORY,
  ZipReader,
  type Entry,
  type FileEntry,
} from '@zip.js/zip.js/lib/zip-core.js';
import { CheckpointError } from '../checkpoint-error.js';
import { readOwn, type ByteSource } from '../source/byte-source.js';
import { crc32 } from './crc32.js';
import type { MemoryBudget } from './memory-budget.js';
import { readStoredRecord } from './zip-local.js';

/** What an entry costs in memory while zip.js parses it (measured); an entry takes 46 bytes of the file at least. */
const ENTRY_COST = 10_000;
const LOCAL_HEADER = 30;
const CENTRAL_HEADER = 46;
const END_RECORD = 22;
const ZIP64_END_RECORDS = 56 + 20;
/** The best that DEFLATE can do: 258 bytes for two bits. */
const MAX_DEFLATE_RATIO = 1032;
const STORED = 0;
const DEFLATED = 8;

/** Lets zip.js read from a byte source. */
class SourceReader extends Reader<ByteSource> {
  constructor(private readonly source: ByteSource) {
    super(source);
    this.size = source.size;
  }

  override async readUint8Array(offset: number, length: number): Promise<Uint8Array> {
    const from = Math.min(Math.max(offset, 0), this.size);
    const count = Math.max(0, Math.min(length, this.size - from));
    // zip.js may keep and change what it reads; the window belongs to others too.
    return count === 0 ? new Uint8Array(0) : (await this.source.read(from, count)).slice();
  }
}

/**
 * A zip archive. zip.js finds and parses the records (zip64 included), compares local with central headers, looks for
 * overlaps and inflates; what it only warns about, and what it does not know, is checked here.
 */
export class ZipArchive {
  /** Whether entries came without a checksum, as torch.save writes them on request. */
  unchecked = false;

  private constructor(
    private readonly source: ByteSource,
    private readonly budget: MemoryBudget,
    private readonly entries: ReadonlyMap<string, FileEntry>,
    /** Where the record behind each entry starts. */
    private readonly limits: ReadonlyMap<Entry, number>,
  ) {}

  static async open(source: ByteSource, budget: MemoryBudget): Promise<ZipArchive> {
    const reader = new ZipReader(new SourceReader(source), {
      strictness: 'balanced',
      filenameValidation: 'strict',
      checkLocalDirectory: true,
      checkLocalFilename: true,
      checkOverlappingEntry: true,
      maxAppendedDataSize: 0,
      useWebWorkers: false,
    });
    const all: Entry[] = [];
    try {
      for await (const entry of reader.getEntriesGenerator()) {
        budget.take(ENTRY_COST, 'its list of entries');
        all.push(entry);
      }
    } catch (error) {
      throw zipError(error, source.name);
    }
    for (const { reason, filename } of reader.warnings ?? []) {
      // torch.save writes the records of zip64 even where they are not needed: zip.js finds bytes it did not expect.
      if (reason === WARNING_TRAILING_CENTRAL_DIRECTORY_DATA || reason === WARNING_UNSORTED_CENTRAL_DIRECTORY)
        continue;
      throw corrupt(source.name, `${reason}${filename ? ` (${filename})` : ''}`);
    }
    const directory = reader.directoryOffset ?? 0;
    const length = reader.directoryLength ?? 0;
    const listed = all.reduce(
      (sum, { rawFilename, rawExtraField, rawComment }) =>
        sum + CENTRAL_HEADER + rawFilename.length + rawExtraField.length + rawComment.length,
      0,
    );
    if (listed !== length)
      throw corrupt(
        source.name,
        `its directory of ${length} bytes lists ${all.length} entries in ${listed} bytes`,
      );
    await checkEnd(source, directory, length, all.length);
    const entries = new Map<string, FileEntry>();
    for (const entry of all) {
      if (entry.directory) continue;
      checkEntry(entry, source.name);
      entries.set(entry.filename, entry);
    }
    return new ZipArchive(source, budget, entries, checkOverlaps(all, directory, source.name));
  }

  get names(): IterableIterator<string> {
    return this.entries.keys() as IterableIterator<string>;
  }

  /** Unpacked length of an entry, or undefined where there is no such entry. */
  sizeOf(name: string): number | undefined {
    return this.entries.get(name)?.uncompressedSize;
  }

  /** The whole content of an entry, its checksum verified; the array is the caller's own. */
  async read(name: string): Promise<Uint8Array> {
    const entry = this.entries.get(name);
    if (!entry) throw corrupt(this.source.name, `has no entry "${name}"`);
    try {
      return entry.compressionMethod === STORED ? await this.readStored(entry) : await this.inflate(entry);
    } catch (error) {
      throw zipError(error, this.source.name, name);
    }
  }

  private async readStored(entry: FileEntry): Promise<Uint8Array> {
    const bytes =
      (await readStoredRecord(this.source, entry, this.limits.get(entry)!)) ??
      (await readOwn(this.source, await locate(entry), entry.uncompressedSize));
    if (entry.crc32 === 0) this.unchecked = true;
    else if (crc32(bytes) !== entry.crc32) throw new Error('the checksum does not match the data');
    return bytes;
  }

  private async inflate(entry: FileEntry): Promise<Uint8Array> {
    const size = entry.uncompressedSize;
    this.budget.take(size, `entry "${entry.filename}"`);
    const out = new Uint8Array(size);
    let filled = 0;
    const sink = new WritableStream<Uint8Array>({
      write(chunk) {
        if (filled + chunk.length > size) throw new Error('the data is longer than its header says');
        out.set(chunk, filled);
        filled += chunk.length;
      },
    });
    await entry.getData(sink, { checkCrc32: true });
    refuseWarnings(entry);
    if (filled !== size) throw new Error('the data is shorter than its header says');
    // The reader of the entry asks for what it keeps.
    this.budget.release(size);
    return out;
  }
}

const corrupt = (where: string, message: string, cause?: unknown): CheckpointError =>
  new CheckpointError('corrupt', where, `the zip archive is damaged or forged: ${message}`, { cause });

/** Names the file (and entry) in whatever zip.js, the inflater or our own checks complain about. */
function zipError(error: unknown, where: string, entry?: string): CheckpointError {
  if (error instanceof CheckpointError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const reason = (error as { reason?: string }).reason;
  const filename = entry ?? (error as { filename?: string }).filename;
  const said = [message, reason].filter(Boolean).join(': ') + (filename ? ` (entry "${filename}")` : '');
  if (/unsafe filename/i.test(message))
    return new CheckpointError('unsafe-name', where, said, { cause: error });
  if (/encrypt|password|split zip|not supported/i.test(message))
    return new CheckpointError('unsupported', where, `zip archives of this kind are not read: ${said}`, {
      cause: error,
    });
  if (/end of central directory not found/i.test(message))
    return new CheckpointError(
      'truncated',
      where,
      'starts as a zip archive, but its directory at the end is missing: the download or copy is incomplete. Get the file again.',
      { cause: error },
    );
  return corrupt(where, said, error);
}

/** Where the data of an entry starts: zip.js checks its local header and overlaps, the data itself needs no stream. */
async function locate(entry: FileEntry): Promise<number> {
  await entry.getData(new WritableStream(), { checkOverlappingEntryOnly: true });
  refuseWarnings(entry);
  return entry.localDirectory!.dataOffset;
}

function refuseWarnings(entry: FileEntry): void {
  const [warning] = entry.warnings ?? [];
  if (warning) throw new Error(warning.reason);
}

function checkEntry(entry: FileEntry, where: string): void {
  const { filename, compressionMethod, compressedSize, uncompressedSize } = entry;
  if (entry.encrypted) throw new CheckpointError('unsupported', where, `entry "${filename}" is encrypted`);
  if (entry.symlink)
    throw new CheckpointError('unsafe-name', where, `entry "${filename}" is a symbolic link`);
  if (/[\\\0]/.test(filename))
    throw new CheckpointError(
      'unsafe-name',
      where,
      `entry name ${JSON.stringify(filename)} could lead out of the archive`,
    );
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED)
    throw new CheckpointError(
      'unsupported',
      where,
      `entry "${filename}" uses zip compression method ${compressionMethod}; only stored and deflated entries are read`,
    );
  if (compressionMethod === STORED && compressedSize !== uncompressedSize)
    throw corrupt(
      where,
      `stored entry "${filename}" has two sizes, ${compressedSize} and ${uncompressedSize}`,
    );
  if (compressionMethod === DEFLATED && uncompressedSize > compressedSize * MAX_DEFLATE_RATIO)
    throw corrupt(
      where,
      `entry "${filename}" of ${compressedSize} bytes claims to unpack to ${uncompressedSize}`,
    );
}

/** Entries may not share bytes with each other or with the directory. Returns where the record behind each starts. */
function checkOverlaps(entries: readonly Entry[], directory: number, where: string): Map<Entry, number> {
  const limits = new Map<Entry, number>();
  const sorted = [...entries].sort((a, b) => a.offset - b.offset);
  sorted.forEach((entry, i) => {
    const end = entry.offset + LOCAL_HEADER + entry.rawFilename.length + entry.compressedSize;
    const limit = sorted[i + 1]?.offset ?? directory;
    limits.set(entry, limit);
    if (end > limit)
      throw corrupt(
        where,
        `entry "${entry.filename}" reaches byte ${end}, past ${limit} where the next record starts`,
      );
  });
  if (sorted[0] && sorted[0].offset !== 0)
    throw corrupt(where, `${sorted[0].offset} bytes before the first entry`);
  return limits;
}

/**
 * Between the directory and the end record only the two records of zip64 may stand, and they must agree with what was
 * read; nothing may follow the end record.
 */
async function checkEnd(source: ByteSource, directory: number, length: number, count: number): Promise<void> {
  const end = directory + length;
  const between = source.size - END_RECORD - end;
  if (between === 0) return;
  if (between !== ZIP64_END_RECORDS)
    throw corrupt(source.name, `${between} unexplained bytes after its directory`);
  const bytes = await source.read(end, ZIP64_END_RECORDS);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const agrees =
    view.getUint32(0, true) === 0x06064b50 &&
    view.getBigUint64(4, true) === 44n &&
    view.getBigUint64(24, true) === BigInt(count) &&
    view.getBigUint64(32, true) === BigInt(count) &&
    view.getBigUint64(40, true) === BigInt(length) &&
    view.getBigUint64(48, true) === BigInt(directory) &&
    view.getUint32(56, true) === 0x07064b50 &&
    view.getBigUint64(64, true) === BigInt(end);
  if (!agrees) throw corrupt(source.name, 'its zip64 records contradict its directory');
}
