import { maskedCrc } from '../../data/sources/tfrecord-index.js';

/**
 * A TFRecord: length (8 bytes), its checksum (4), the bytes, their checksum (4), all little-endian
 * (tensorflow/core/lib/io/record_writer.h).
 */
export function frameRecord(bytes: Uint8Array): Uint8Array {
  const record = new Uint8Array(bytes.length + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(bytes.length), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(bytes, 12);
  view.setUint32(12 + bytes.length, maskedCrc(bytes), true);
  return record;
}
