/** Eight tables of the CRC-32 of zip files (polynomial 0xEDB88320): eight bytes a step. */
const TABLES = makeTables();

function makeTables(): readonly Int32Array[] {
  const tables = Array.from({ length: 8 }, () => new Int32Array(256));
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    tables[0]![n] = c;
  }
  for (let t = 1; t < 8; t++)
    for (let n = 0; n < 256; n++) {
      const previous = tables[t - 1]![n]!;
      tables[t]![n] = tables[0]![previous & 255]! ^ (previous >>> 8);
    }
  return tables;
}

/** In plain JavaScript, for browsers and older versions of Node. */
export function crc32Portable(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  let c = -1;
  let i = 0;
  for (const end = bytes.length - 7; i < end; i += 8) {
    const low = c ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    c =
      t7[low & 255]! ^
      t6[(low >>> 8) & 255]! ^
      t5[(low >>> 16) & 255]! ^
      t4[low >>> 24]! ^
      t3[bytes[i + 4]!]! ^
      t2[bytes[i + 5]!]! ^
      t1[bytes[i + 6]!]! ^
      t0[bytes[i + 7]!]!;
  }
  for (; i < bytes.length; i++) c = t0[(c ^ bytes[i]!) & 255]! ^ (c >>> 8);
  return ~c >>> 0;
}

type Checksum = (bytes: Uint8Array) => number;

/** Node's own, a few times faster: reached without an import, so that browsers can load this file. */
const native = (
  globalThis as { process?: { getBuiltinModule?: (name: string) => { crc32?: Checksum } | undefined } }
).process?.getBuiltinModule?.('node:zlib')?.crc32;

/** CRC-32 of `bytes` as an unsigned number. */
export const crc32: Checksum = native ?? crc32Portable;
