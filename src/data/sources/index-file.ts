import { crc32 } from '@node-rs/crc32';
import { PackedStrings } from './packed-strings.js';
import type { SampleIndex } from './sample-index.js';

/**
 * A {@link SampleIndex} as a file, little-endian: `RNXIDX01`, then as 32-bit numbers the CRC of all that follows, the bytes of the version,
 * the samples and the bytes of their names; then the version (what the shard was when it was listed), offsets and sizes (64-bit floating
 * point), labels, ends of the names (32 bits) and the names. A million samples are read in a tenth of a second.
 */
const MAGIC = 'RNXIDX01';
const HEAD = 24;

export function encodeIndex({ names, labels, offsets, sizes }: SampleIndex, version: string): Buffer {
  const text = Buffer.from(version);
  const head = Buffer.alloc(HEAD);
  head.write(MAGIC, 'latin1');
  head.writeUInt32LE(text.length, 12);
  head.writeUInt32LE(labels.length, 16);
  head.writeUInt32LE(names.bytes.length, 20);
  const whole = Buffer.concat([
    head,
    text,
    ...[offsets, sizes, labels, names.ends, names.bytes].map((array) => bytesOf(array)),
  ]);
  whole.writeUInt32LE(crc32(whole.subarray(12)), 8);
  return whole;
}

/**
 * @returns undefined where the file is damaged, or was made of another version of the shard
 */
export function decodeIndex(file: Buffer, version: string): SampleIndex | undefined {
  if (file.length < HEAD || file.toString('latin1', 0, 8) !== MAGIC) return undefined;
  const [versionBytes, count, nameBytes] = [12, 16, 20].map((at) => file.readUInt32LE(at)) as [
    number,
    number,
    number,
  ];
  if (file.length !== HEAD + versionBytes + count * 24 + nameBytes) return undefined;
  if (crc32(file.subarray(12)) !== file.readUInt32LE(8)) return undefined;
  if (file.toString('utf8', HEAD, HEAD + versionBytes) !== version) return undefined;
  let at = HEAD + versionBytes;
  // Copied into memory of its own: the arrays need aligned starts.
  const take = (bytes: number): ArrayBuffer => new Uint8Array(file.subarray(at, (at += bytes))).buffer;
  const offsets = new Float64Array(take(count * 8));
  const sizes = new Float64Array(take(count * 8));
  const labels = new Int32Array(take(count * 4));
  const ends = new Uint32Array(take(count * 4));
  return { offsets, sizes, labels, names: new PackedStrings(new Uint8Array(take(nameBytes)), ends) };
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
