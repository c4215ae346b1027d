import { crc32c } from '@node-rs/crc32';
import type { ByteSource } from './byte-source.js';
import { DamagedError } from './damage.js';

/** Length and its check before a record, a check after it. */
export const RECORD_HEAD = 12;
export const RECORD_TAIL = 4;
/** Bytes read at a time. */
const CHUNK = 1 << 20;
/** A record is one picture. */
const MAX_RECORD = 2 ** 30;

/** A CRC-32C as TFRecord files have it: rotated and shifted, since checks of checks are no good checks. */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Whether bytes begin a TFRecord file: the first length carries its own check. */
export function isTfRecord(bytes: Buffer): boolean {
  return bytes.length >= RECORD_HEAD && maskedCrc(bytes.subarray(0, 8)) === bytes.readUInt32LE(8);
}

/**
 * Goes through the records of a file, each held against its check.
 * @param visit gets the record and where it begins; its bytes are good until it returns
 * @throws DamagedError naming file and byte
 */
export async function eachRecord(
  source: ByteSource,
  file: string,
  visit: (record: Buffer, offset: number) => void,
): Promise<void> {
  let chunk: Buffer = Buffer.alloc(0);
  let start = 0;
  const read = async (offset: number, length: number): Promise<Buffer> => {
    if (offset + length > source.size)
      throw new DamagedError(
        `${file} is truncated: expected ${length} bytes at byte ${offset}, the file has ${source.size}. Fetch it again.`,
      );
    if (offset < start || offset + length > start + chunk.length) {
      chunk = await source.read(offset, Math.max(length, Math.min(CHUNK, source.size - offset)));
      start = offset;
    }
    return chunk.subarray(offset - start, offset - start + length);
  };
  for (let offset = 0; offset < source.size;) {
    const length = recordLength(await read(offset, RECORD_HEAD), file, offset);
    const record = await read(offset + RECORD_HEAD, length + RECORD_TAIL);
    visit(checkRecord(record, file, offset), offset);
    offset += RECORD_HEAD + length + RECORD_TAIL;
  }
}

/** Length of the record that a head begins. */
export function recordLength(head: Buffer, file: string, offset: number): number {
  const length = Number(head.readBigUInt64LE(0));
  if (!isTfRecord(head) || length > MAX_RECORD)
    throw new DamagedError(
      offset === 0
        ? `${file} is no TFRecord file: its first record's length does not fit its checksum.`
        : `${file} is damaged: the length of the record at byte ${offset} does not fit its checksum. Fetch it again.`,
    );
  return length;
}

/** The record without its check, which must fit. */
export function checkRecord(withTail: Buffer, file: string, offset: number): Buffer {
  const record = withTail.subarray(0, withTail.length - RECORD_TAIL);
  if (maskedCrc(record) !== withTail.readUInt32LE(record.length))
    throw new DamagedError(
      `${file} is damaged: the record at byte ${offset} does not fit its checksum. Fetch it again.`,
    );
  return record;
}
