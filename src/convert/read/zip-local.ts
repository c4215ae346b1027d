import type { FileEntry } from '@zip.js/zip.js/lib/zip-core.js';
import { readOwn, type ByteSource } from '../source/byte-source.js';

const LOCAL_HEADER = 30;
const HEADER_SIGNATURE = 0x04034b50;
const DESCRIPTOR_SIGNATURE = 0x08074b50;
const MAX_DESCRIPTOR = 24;
/** Flag bit of entries whose checksum and sizes follow the data: torch.save writes all of its entries so. */
const DESCRIPTOR_FLAG = 1 << 3;
/** The size that says: see the extra field of zip64. */
const IN_EXTRA_FIELD = 0xffffffff;
const MAX_EXTRA_FIELD = 0xffff;
/** torch.save puts data on multiples of this: read from such a place on, tensors need not be moved. */
const ALIGNMENT = 64;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * The data of a stored entry, in one read with the headers around it, which are held against the central directory. A
 * checkpoint has thousands of entries: zip.js, which sets up a stream for each, takes longer for this than reading the data
 * does.
 *
 * @param limit where the next record starts
 * @returns the data, its checksum not yet verified, in memory that is the caller's own; undefined for the headers of zip64, which zip.js knows
 */
export async function readStoredRecord(
  source: ByteSource,
  entry: FileEntry,
  limit: number,
): Promise<Uint8Array | undefined> {
  const { offset, rawFilename, rawBitFlag, compressionMethod, uncompressedSize: size } = entry;
  const crc32 = entry.crc32 ?? 0;
  const from = offset - (offset % ALIGNMENT);
  const longest = LOCAL_HEADER + rawFilename.length + MAX_EXTRA_FIELD + size + MAX_DESCRIPTOR;
  const end = Math.min(limit, offset + longest);
  const record = (await readOwn(source, from, end - from)).subarray(offset - from);
  const view = viewOf(record);
  if (record.length < LOCAL_HEADER + rawFilename.length || view.getUint32(0, true) !== HEADER_SIGNATURE)
    throw new Error('its local header is missing');
  const mismatch = (what: string): Error => new Error(`its local header has another ${what} than the directory`);
  if (view.getUint16(6, true) !== rawBitFlag) throw mismatch('set of flags');
  if (view.getUint16(8, true) !== compressionMethod) throw mismatch('compression method');
  const sameName =
    view.getUint16(26, true) === rawFilename.length &&
    rawFilename.every((byte, i) => record[LOCAL_HEADER + i] === byte);
  if (!sameName) throw mismatch('name');
  const sizes = [view.getUint32(18, true), view.getUint32(22, true)];
  if (size >= IN_EXTRA_FIELD || sizes.includes(IN_EXTRA_FIELD)) return undefined;
  const start = LOCAL_HEADER + rawFilename.length + view.getUint16(28, true);
  if (start + size > record.length)
    throw new Error(`it reaches byte ${offset + start + size}, past ${limit} where the next record starts`);
  const later = (rawBitFlag & DESCRIPTOR_FLAG) !== 0;
  const agrees = [view.getUint32(14, true), ...sizes].every(
    (value, i) => value === (i === 0 ? crc32 : size) || (later && value === 0),
  );
  if (!agrees) throw mismatch('checksum or size');
  if (later) checkDescriptor(viewOf(record.subarray(start + size)), crc32, size);
  return record.subarray(start, start + size);
}

/** Checksum and sizes behind the data: with or without a signature, the sizes in four bytes or eight. */
function checkDescriptor(view: DataView, crc32: number, size: number): void {
  const at = view.byteLength >= 4 && view.getUint32(0, true) === DESCRIPTOR_SIGNATURE ? 4 : 0;
  const has = (values: readonly number[]): boolean =>
    view.byteLength >= at + 4 * values.length &&
    values.every((value, i) => view.getUint32(at + 4 * i, true) === value);
  if (!has([crc32, size, size]) && !has([crc32, size, 0, size, 0]))
    throw new Error('the checksum or sizes behind its data are others than in the directory');
}
