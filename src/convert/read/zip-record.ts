import { readOwn, type ByteSource } from '../source/byte-source.js';
import { viewOf, type ZipEntry } from './zip-directory.js';

const LOCAL_HEADER = 30;
const HEADER_SIGNATURE = 0x04034b50;
const DESCRIPTOR_SIGNATURE = 0x08074b50;
const MAX_DESCRIPTOR = 24;
/** Flag bit of entries whose checksum and sizes follow the data: torch.save writes all of its entries so. */
const DESCRIPTOR_FLAG = 1 << 3;
/** A size that stands in the extra field of zip64 instead. */
const IN_EXTRA_FIELD = 0xffffffff;
const ZIP64_FIELD = 1;
const MAX_EXTRA_FIELD = 0xffff;
/** torch.save puts data on multiples of this: read from such a place on, tensors need not be moved. */
const ALIGNMENT = 64;

const mismatch = (what: string): Error =>
  new Error(`its local header has another ${what} than the directory`);

/**
 * The data of an entry as it lies in the file, in one read with the headers around it, which are held against the directory.
 *
 * @returns bytes in memory that is the caller's own; neither unpacked nor their checksum verified
 */
export async function readRecord(source: ByteSource, entry: ZipEntry): Promise<Uint8Array> {
  const { offset, rawName, flags, method, packed, size, crc32, limit } = entry;
  const from = offset - (offset % ALIGNMENT);
  const longest = LOCAL_HEADER + rawName.length + MAX_EXTRA_FIELD + packed + MAX_DESCRIPTOR;
  const end = Math.min(limit, offset + longest);
  const record = (await readOwn(source, from, end - from)).subarray(offset - from);
  const view = viewOf(record);
  if (view.getUint32(0, true) !== HEADER_SIGNATURE) throw new Error('its local header is missing');
  if (view.getUint16(6, true) !== flags) throw mismatch('set of flags');
  if (view.getUint16(8, true) !== method) throw mismatch('compression method');
  const sameName =
    view.getUint16(26, true) === rawName.length &&
    rawName.every((byte, i) => record[LOCAL_HEADER + i] === byte);
  if (!sameName) throw mismatch('name');
  const extra = LOCAL_HEADER + rawName.length;
  const start = extra + view.getUint16(28, true);
  if (start + packed > record.length)
    throw new Error(`it reaches byte ${offset + start + packed}, past ${limit} where the next record starts`);
  const later = (flags & DESCRIPTOR_FLAG) !== 0;
  const said = [view.getUint32(14, true), ...sizesOf(view, viewOf(record.subarray(extra, start)))];
  if (![crc32, packed, size].every((value, i) => said[i] === value || (later && said[i] === 0)))
    throw mismatch('checksum or size');
  if (later) checkDescriptor(viewOf(record.subarray(start + packed)), crc32, packed, size);
  return record.subarray(start, start + packed);
}

/** Packed and unpacked size in a local header, or in its field of zip64: there the unpacked one stands first. */
function sizesOf(header: DataView, extra: DataView): [packed: number, size: number] {
  const sizes: [number, number] = [header.getUint32(18, true), header.getUint32(22, true)];
  if (!sizes.includes(IN_EXTRA_FIELD)) return sizes;
  for (let at = 0; at + 4 <= extra.byteLength; at += 4 + extra.getUint16(at + 2, true)) {
    const length = extra.getUint16(at + 2, true);
    if (extra.getUint16(at, true) !== ZIP64_FIELD || length < 16 || at + 4 + length > extra.byteLength)
      continue;
    return [Number(extra.getBigUint64(at + 12, true)), Number(extra.getBigUint64(at + 4, true))];
  }
  throw new Error('its local header lacks the sizes of zip64');
}

/** Checksum and sizes behind the data: with or without a signature, the sizes in four bytes or eight. */
function checkDescriptor(view: DataView, crc32: number, packed: number, size: number): void {
  const at = view.byteLength >= 4 && view.getUint32(0, true) === DESCRIPTOR_SIGNATURE ? 4 : 0;
  const has = (values: readonly number[]): boolean =>
    view.byteLength >= at + 4 * values.length &&
    values.every((value, i) => view.getUint32(at + 4 * i, true) === value);
  const wide = (value: number): [number, number] => [value % 2 ** 32, Math.floor(value / 2 ** 32)];
  if (!has([crc32, packed, size]) && !has([crc32, ...wide(packed), ...wide(size)]))
    throw new Error('the checksum or sizes behind its data are others than in the directory');
}
