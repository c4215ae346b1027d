import type { FileEntry } from '@zip.js/zip.js/lib/zip-core.js';
import type { ByteSource } from '../source/byte-source.js';

const LOCAL_HEADER = 30;
const HEADER_SIGNATURE = 0x04034b50;
const DESCRIPTOR_SIGNATURE = 0x08074b50;
/** Flag bit of entries whose checksum and sizes follow the data: torch.save writes all of its entries so. */
const DESCRIPTOR_FLAG = 1 << 3;
/** The size that says: see the extra field of zip64. */
const IN_EXTRA_FIELD = 0xffffffff;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Holds the local header of a stored entry (and what follows its data) against the central directory. A checkpoint has
 * thousands of entries: zip.js, which sets up a stream for each, takes longer for this than reading the data does.
 *
 * @param limit where the next record starts
 * @returns where the data starts; undefined for the headers of zip64, which zip.js knows
 */
export async function locateStored(
  source: ByteSource,
  entry: FileEntry,
  limit: number,
): Promise<number | undefined> {
  const { offset, rawFilename, rawBitFlag, compressionMethod, uncompressedSize: size } = entry;
  const crc32 = entry.crc32 ?? 0;
  const header = await source.read(
    offset,
    Math.min(LOCAL_HEADER + rawFilename.length, source.size - offset),
  );
  const view = viewOf(header);
  if (header.length < LOCAL_HEADER + rawFilename.length || view.getUint32(0, true) !== HEADER_SIGNATURE)
    throw new Error('its local header is missing');
  const mismatch = (what: string): Error => new Error(`its local header has another ${what} than the directory`);
  if (view.getUint16(6, true) !== rawBitFlag) throw mismatch('set of flags');
  if (view.getUint16(8, true) !== compressionMethod) throw mismatch('compression method');
  const sameName =
    view.getUint16(26, true) === rawFilename.length &&
    rawFilename.every((byte, i) => header[LOCAL_HEADER + i] === byte);
  if (!sameName) throw mismatch('name');
  const sizes = [view.getUint32(18, true), view.getUint32(22, true)];
  if (size >= IN_EXTRA_FIELD || sizes.includes(IN_EXTRA_FIELD)) return undefined;
  const start = offset + LOCAL_HEADER + rawFilename.length + view.getUint16(28, true);
  if (start + size > limit)
    throw new Error(`it reaches byte ${start + size}, past ${limit} where the next record starts`);
  const later = (rawBitFlag & DESCRIPTOR_FLAG) !== 0;
  const said = [view.getUint32(14, true), ...sizes];
  const agrees = said.every((value, i) => value === (i === 0 ? crc32 : size) || (later && value === 0));
  if (!agrees) throw mismatch('checksum or size');
  if (later) await checkDescriptor(source, start + size, limit, [crc32, size]);
  return start;
}

/** Checksum and sizes behind the data: with or without a signature, the sizes in four bytes or eight. */
async function checkDescriptor(
  source: ByteSource,
  at: number,
  limit: number,
  [crc32, size]: readonly [crc32: number, size: number],
): Promise<void> {
  const view = viewOf(await source.read(at, Math.min(24, limit - at)));
  const skip = view.byteLength >= 4 && view.getUint32(0, true) === DESCRIPTOR_SIGNATURE ? 4 : 0;
  const has = (from: number, values: readonly number[]): boolean =>
    view.byteLength >= from + 4 * values.length &&
    values.every((value, i) => view.getUint32(from + 4 * i, true) === value);
  if (!has(skip, [crc32, size, size]) && !has(skip, [crc32, size, 0, size, 0]))
    throw new Error('the checksum or sizes behind its data are others than in the directory');
}
