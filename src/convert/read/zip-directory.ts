import { CheckpointError } from '../checkpoint-error.js';
import type { ByteSource } from '../source/byte-source.js';
import type { MemoryBudget } from './memory-budget.js';
import { checkedName, decodeName } from './zip-names.js';

/** An entry as the directory at the end of the archive describes it. */
export interface ZipEntry {
  readonly name: string;
  /** The name as the file has it: local headers must repeat it. */
  readonly rawName: Uint8Array;
  readonly flags: number;
  readonly method: typeof STORED | typeof DEFLATED;
  readonly crc32: number;
  /** Bytes in the file, and unpacked. */
  readonly packed: number;
  readonly size: number;
  /** Where its local header stands. */
  readonly offset: number;
  /** Where the record behind it starts. */
  readonly limit: number;
}

export const STORED = 0;
export const DEFLATED = 8;

/** What an entry costs in memory while the directory is parsed (measured: 900). */
const ENTRY_COST = 1000;
const LOCAL_HEADER = 30;
const CENTRAL = { signature: 0x02014b50, length: 46 };
const END = { signature: 0x06054b50, length: 22 };
/** The end record of zip64 and the locator that points to it. */
const END64 = { signature: 0x06064b50, length: 56 };
const LOCATOR = { signature: 0x07064b50, length: 20 };
const IN_EXTRA_FIELD = 0xffffffff;
const ZIP64_FIELD = 1;
const FLAG = { encrypted: 1, strong: 1 << 6, maskedHeaders: 1 << 13 } as const;
const SYMBOLIC_LINK = 0o120000;
const FILE_KIND = 0o170000;
const MADE_BY_UNIX = 3;
/** The best that DEFLATE can do: 258 bytes for two bits. */
const MAX_DEFLATE_RATIO = 1032;

export const zipCorrupt = (where: string, message: string, cause?: unknown): CheckpointError =>
  new CheckpointError('corrupt', where, `the zip archive is damaged or forged: ${message}`, { cause });

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A 64-bit number; beyond 2^53 it is not exact, and no file is so long. */
const u64 = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly count: number;
}

/** Finds the directory. It, the records of zip64 (if any) and the end record must fill the end of the file without a gap. */
async function findDirectory(source: ByteSource): Promise<Extent> {
  const where = source.name;
  const tailLength = Math.min(END64.length + LOCATOR.length + END.length, source.size);
  const tail = viewOf(await source.read(source.size - tailLength, tailLength));
  const end = tailLength - END.length;
  if (end < 0 || tail.getUint32(end, true) !== END.signature) throw await withoutEnd(source);
  const said = {
    disk: tail.getUint16(end + 4, true) | tail.getUint16(end + 6, true),
    here: tail.getUint16(end + 8, true),
    count: tail.getUint16(end + 10, true),
    length: tail.getUint32(end + 12, true),
    offset: tail.getUint32(end + 16, true),
  };
  const locator = end - LOCATOR.length;
  if (locator < END64.length || tail.getUint32(locator, true) !== LOCATOR.signature) {
    if (said.disk !== 0 || said.here !== said.count)
      throw new CheckpointError('unsupported', where, 'a zip archive in several parts');
    return checkExtent(said, source.size - END.length, where);
  }
  const end64 = locator - END64.length;
  const position = source.size - tailLength + end64;
  const extent = {
    count: u64(tail, end64 + 32),
    length: u64(tail, end64 + 40),
    offset: u64(tail, end64 + 48),
  };
  const agrees =
    tail.getUint32(end64, true) === END64.signature &&
    u64(tail, end64 + 4) === END64.length - 12 &&
    u64(tail, end64 + 16) === 0 &&
    u64(tail, end64 + 24) === extent.count &&
    u64(tail, locator + 8) === position &&
    (said.count === 0xffff || said.count === extent.count) &&
    (said.length === IN_EXTRA_FIELD || said.length === extent.length) &&
    (said.offset === IN_EXTRA_FIELD || said.offset === extent.offset);
  if (!agrees) throw zipCorrupt(where, 'its zip64 records contradict its directory or its end record');
  return checkExtent(extent, position, where);
}

function checkExtent({ offset, length, count }: Extent, end: number, where: string): Extent {
  if (offset + length !== end)
    throw zipCorrupt(
      where,
      `its directory of ${length} bytes at ${offset} should end at ${end}, where the end record begins`,
    );
  return { offset, length, count };
}

/** The end record is not where it belongs: something follows it, or it is missing. */
async function withoutEnd(source: ByteSource): Promise<CheckpointError> {
  const length = Math.min(END.length + 0xffff, source.size);
  const tail = viewOf(await source.read(source.size - length, length));
  for (let at = length - END.length; at >= 0; at--)
    if (tail.getUint32(at, true) === END.signature)
      return zipCorrupt(source.name, `${length - END.length - at} bytes after its end`);
  return new CheckpointError(
    'truncated',
    source.name,
    'starts as a zip archive, but its directory at the end is missing: the download or copy is incomplete. Get the file again.',
  );
}

/** Sizes and offset that do not fit in four bytes stand in the extra field of zip64, those and no others, in this order. */
function inExtraField(
  extra: Uint8Array,
  fields: readonly number[],
  fail: (message: string) => never,
): number[] {
  const view = viewOf(extra);
  let wide: DataView | undefined;
  let at = 0;
  for (; at + 4 <= extra.length; at += 4 + view.getUint16(at + 2, true)) {
    const length = view.getUint16(at + 2, true);
    if (at + 4 + length > extra.length) break;
    if (view.getUint16(at, true) === ZIP64_FIELD) wide = viewOf(extra.subarray(at + 4, at + 4 + length));
  }
  if (at !== extra.length) fail('its extra field is malformed');
  let next = 0;
  return fields.map((field) => {
    if (field !== IN_EXTRA_FIELD) return field;
    if (wide === undefined || next + 8 > wide.byteLength)
      return fail('its zip64 field is missing or too short');
    const value = u64(wide, next);
    next += 8;
    return value;
  });
}

/** Reads and checks the directory of a zip archive: entries by name, folders left out. */
export async function readDirectory(
  source: ByteSource,
  budget: MemoryBudget,
): Promise<ReadonlyMap<string, ZipEntry>> {
  const where = source.name;
  const { offset: start, length, count } = await findDirectory(source);
  if (count * CENTRAL.length > length)
    throw zipCorrupt(where, `its directory of ${length} bytes cannot list ${count} entries`);
  budget.take(length + count * ENTRY_COST, 'its list of entries');
  const bytes = await source.read(start, length);
  const view = viewOf(bytes);
  const all: Omit<ZipEntry, 'limit'>[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL.length > length || view.getUint32(at, true) !== CENTRAL.signature)
      throw zipCorrupt(where, `its directory lists ${i} entries, ${count} are claimed`);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) =>
      view.getUint16(at + field, true),
    ) as [number, number, number];
    const next = at + CENTRAL.length + nameLength + extraLength + commentLength;
    if (next > length) throw zipCorrupt(where, 'an entry of its directory reaches past its end');
    const entry = parseEntry(view, bytes, at, nameLength, extraLength, where);
    if (names.has(entry.name)) throw zipCorrupt(where, `duplicate entries "${entry.name}"`);
    names.add(entry.name);
    all.push(entry);
    at = next;
  }
  if (at !== length)
    throw zipCorrupt(where, `its directory of ${length} bytes lists ${count} entries in ${at} bytes`);
  const entries = new Map<string, ZipEntry>();
  for (const entry of withLimits(all, start, where))
    if (!entry.name.endsWith('/')) entries.set(entry.name, entry);
  return entries;
}

function parseEntry(
  view: DataView,
  bytes: Uint8Array,
  at: number,
  nameLength: number,
  extraLength: number,
  where: string,
): Omit<ZipEntry, 'limit'> {
  const flags = view.getUint16(at + 8, true);
  const rawName = bytes.slice(at + CENTRAL.length, at + CENTRAL.length + nameLength);
  const name = checkedName(decodeName(rawName, where), where);
  const unsupported = (message: string): CheckpointError =>
    new CheckpointError('unsupported', where, `entry "${name}" ${message}`);
  if ((flags & (FLAG.encrypted | FLAG.strong | FLAG.maskedHeaders)) !== 0) throw unsupported('is encrypted');
  if (view.getUint16(at + 34, true) !== 0) throw unsupported('lies in another part of the archive');
  const kind = view.getUint32(at + 38, true) >>> 16;
  if (view.getUint8(at + 5) === MADE_BY_UNIX && (kind & FILE_KIND) === SYMBOLIC_LINK)
    throw new CheckpointError('unsafe-name', where, `entry "${name}" is a symbolic link`);
  const method = view.getUint16(at + 10, true);
  if (method !== STORED && method !== DEFLATED)
    throw unsupported(`uses zip compression method ${method}; only stored and deflated entries are read`);
  const extraAt = at + CENTRAL.length + nameLength;
  const [size, packed, offset] = inExtraField(
    bytes.subarray(extraAt, extraAt + extraLength),
    [24, 20, 42].map((field) => view.getUint32(at + field, true)),
    (message) => {
      throw zipCorrupt(where, `${message} (entry "${name}")`);
    },
  ) as [number, number, number];
  if (method === STORED && packed !== size)
    throw zipCorrupt(where, `stored entry "${name}" has two sizes, ${packed} and ${size}`);
  if (method === DEFLATED && size > packed * MAX_DEFLATE_RATIO)
    throw zipCorrupt(where, `entry "${name}" of ${packed} bytes claims to unpack to ${size}`);
  return { name, rawName, flags, method, crc32: view.getUint32(at + 16, true), packed, size, offset };
}

/** Entries may not share bytes with each other or with the directory, and nothing may stand before the first. */
function withLimits(
  entries: readonly Omit<ZipEntry, 'limit'>[],
  directory: number,
  where: string,
): ZipEntry[] {
  const sorted = [...entries].sort((a, b) => a.offset - b.offset);
  if (sorted[0] && sorted[0].offset !== 0)
    throw zipCorrupt(where, `${sorted[0].offset} bytes before the first entry`);
  const limits = new Map<unknown, number>();
  sorted.forEach((entry, i) => {
    const end = entry.offset + LOCAL_HEADER + entry.rawName.length + entry.packed;
    const limit = sorted[i + 1]?.offset ?? directory;
    if (end > limit)
      throw zipCorrupt(
        where,
        `entry "${entry.name}" reaches byte ${end}, past ${limit} where the next record starts`,
      );
    limits.set(entry, limit);
  });
  return entries.map((entry) => ({ ...entry, limit: limits.get(entry)! }));
}
