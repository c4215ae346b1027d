import { deflateRawSync } from 'node:zlib';
import { crc32 } from '../../src/convert/read/crc32.js';

/** An entry to put into a hand-made archive; every field of its headers can be made to lie. */
export interface BuildEntry {
  name: string;
  data: Uint8Array | string;
  deflate?: boolean;
  /** Checksum and sizes behind the data instead of before it, as torch.save writes them; a number is the size they claim. */
  descriptor?: boolean | number;
  /** Sizes in extra fields of zip64, in both headers; a number is the one they claim. */
  wide?: boolean | number;
  /** What the local header says instead of the truth. */
  local?: Partial<Record<'name' | 'crc' | 'size' | 'packed' | 'method', string | number>>;
  /** What the central directory says instead of the truth. */
  central?: Partial<
    Record<'name' | 'crc' | 'size' | 'packed' | 'method' | 'offset' | 'flags', string | number>
  >;
}

export interface BuildOptions {
  /** Bytes after the end record. */
  trailing?: number;
  /** Bytes before the first entry. */
  leading?: number;
  /** Number of entries that the end record claims. */
  count?: number;
  /** Writes the records of zip64 as torch.save does; a number replaces the count in them. */
  zip64?: boolean | number;
}

const encode = (data: Uint8Array | string): Uint8Array =>
  typeof data === 'string' ? new TextEncoder().encode(data) : data;

function header(fields: [size: 2 | 4 | 8, value: number][]): Buffer {
  return Buffer.concat(
    fields.map(([size, value]) => {
      const bytes = Buffer.alloc(size);
      if (size === 2) bytes.writeUInt16LE(value);
      else if (size === 4) bytes.writeUInt32LE(value);
      else bytes.writeBigUInt64LE(BigInt(value));
      return bytes;
    }),
  );
}

/** A zip archive, byte by byte as told: for honest fixtures and for forged ones. */
export function buildZip(entries: readonly BuildEntry[], options: BuildOptions = {}): Uint8Array {
  const { trailing = 0, leading = 0, count = entries.length, zip64 = false } = options;
  const parts: Uint8Array[] = [Buffer.alloc(leading, 0x41)];
  const directory: Buffer[] = [];
  let position = leading;
  for (const {
    name,
    data,
    deflate = false,
    descriptor = false,
    wide = false,
    local = {},
    central = {},
  } of entries) {
    const raw = encode(data);
    const packed = deflate ? deflateRawSync(raw) : raw;
    const truth = { name, crc: crc32(raw), size: raw.length, packed: packed.length, method: deflate ? 8 : 0 };
    const flags = descriptor === false ? 0x0800 : 0x0808;
    const before = descriptor === false ? {} : { crc: 0, size: 0, packed: 0 };
    const inField = wide === false ? {} : { size: 0xffffffff, packed: 0xffffffff };
    const claimed = typeof wide === 'number' ? wide : raw.length;
    const extra =
      wide === false
        ? Buffer.alloc(0)
        : header([
            [2, 1],
            [2, 16],
            [8, claimed],
            [8, packed.length],
          ]);
    const behind =
      descriptor === false
        ? Buffer.alloc(0)
        : header([
            [4, 0x08074b50],
            [4, truth.crc],
            [4, packed.length],
            [4, typeof descriptor === 'number' ? descriptor : raw.length],
          ]);
    const l = { ...truth, ...before, ...inField, ...local } as typeof truth;
    const c = { ...truth, ...inField, offset: position, flags, ...central } as typeof truth & {
      offset: number;
      flags: number;
    };
    const localName = encode(l.name);
    const centralName = encode(c.name);
    const head = header([
      [4, 0x04034b50],
      [2, 20],
      [2, flags],
      [2, l.method],
      [2, 0],
      [2, 0x21],
      [4, l.crc],
      [4, l.packed],
      [4, l.size],
      [2, localName.length],
      [2, extra.length],
    ]);
    parts.push(head, localName, extra, packed, behind);
    directory.push(
      header([
        [4, 0x02014b50],
        [2, 20],
        [2, 20],
        [2, c.flags],
        [2, c.method],
        [2, 0],
        [2, 0x21],
        [4, c.crc],
        [4, c.packed],
        [4, c.size],
        [2, centralName.length],
        [2, extra.length],
        [2, 0],
        [2, 0],
        [2, 0],
        [4, 0],
        [4, c.offset],
      ]),
      Buffer.from(centralName),
      extra,
    );
    position += head.length + localName.length + extra.length + packed.length + behind.length;
  }
  const central = Buffer.concat(directory);
  parts.push(central);
  if (zip64 !== false) {
    const claimed = zip64 === true ? count : zip64;
    parts.push(
      header([
        [4, 0x06064b50],
        [8, 44],
        [2, 30],
        [2, 45],
        [4, 0],
        [4, 0],
        [8, claimed],
        [8, claimed],
        [8, central.length],
        [8, position],
      ]),
      header([
        [4, 0x07064b50],
        [4, 0],
        [8, position + central.length],
        [4, 1],
      ]),
    );
  }
  parts.push(
    header([
      [4, 0x06054b50],
      [2, 0],
      [2, 0],
      [2, count],
      [2, count],
      [4, central.length],
      [4, position],
      [2, 0],
    ]),
    Buffer.alloc(trailing, 0x42),
  );
  return new Uint8Array(Buffer.concat(parts));
}
