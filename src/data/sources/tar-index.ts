import type { ByteSource } from './byte-source.js';
import { DamagedError } from './damage.js';

/** A regular file inside a tar: where its bytes lie. */
export interface TarEntry {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

/** What a tar is made of, bytes. */
export const BLOCK = 512;
const CHUNK = 16_384;
/** Long names and attributes are a few hundred bytes; more is an attack or damage. */
const MAX_ATTRIBUTES = 1 << 20;

/**
 * Lists a tar by its headers alone, skipping over the data: USTAR, GNU (long names, base-256 sizes) and PAX. The packages for tar read
 * the whole stream; a shard of a gigabyte is listed here in the time its headers take.
 *
 * `visit` gets every regular file with a function that reads its bytes.
 * @throws DamagedError with the position when the source is no tar, is damaged or truncated.
 */
export async function indexTar(
  source: ByteSource,
  visit: (entry: TarEntry, bytes: () => Promise<Buffer>) => void | Promise<void>,
): Promise<void> {
  const { file } = source;
  const reader = new ChunkReader(source);
  let position = 0;
  let longName: string | undefined;
  let longSize: number | undefined;
  for (;;) {
    if (position + BLOCK > source.size)
      throw new DamagedError(
        position === 0
          ? `${file} is not a tar: it has ${source.size} bytes, one header has ${BLOCK}. Fetch it again.`
          : `${file} is truncated: it ends at byte ${source.size} without the mark that ends a tar. Fetch it again.`,
      );
    const header = await reader.read(position, BLOCK);
    if (header.every((byte) => byte === 0)) return;
    checkSum(header, position, file);
    const type = String.fromCharCode(header[156]!);
    const extension = type === 'x' || type === 'L';
    const size = (extension ? undefined : longSize) ?? parseNumber(header.subarray(124, 136));
    const offset = position + BLOCK;
    if (!(size >= 0 && offset + size <= source.size))
      throw new DamagedError(
        `${file} is truncated: the entry at byte ${position} has ${size} bytes, the file ends ${source.size - offset} bytes after its header. Fetch it again.`,
      );
    if (extension) {
      if (size > MAX_ATTRIBUTES)
        throw new DamagedError(`${file} is damaged: attributes of ${size} bytes at byte ${position}.`);
      const bytes = await reader.read(offset, size);
      if (type === 'L') longName = text(bytes);
      else ({ path: longName = longName, size: longSize = longSize } = parsePax(bytes));
    } else {
      if (type === '0' || type === '\0' || type === '7')
        await visit({ name: longName ?? shortName(header), offset, size }, () => reader.read(offset, size));
      longName = undefined;
      longSize = undefined;
    }
    position = offset + Math.ceil(size / BLOCK) * BLOCK;
  }
}

/**
 * Where the entry behind this one begins, going into tars inside the tar; undefined where the block is no header.
 * @param position of the block in the tar
 */
export function nextEntry(block: Buffer, position: number): number | undefined {
  if (block.toString('latin1', 257, 262) !== 'ustar') return undefined;
  const { sum, stored } = checkSums(block);
  const size = parseNumber(block.subarray(124, 136));
  if (sum !== stored || !(size >= 0)) return undefined;
  const isTar = /\.tar$/i.test(shortName(block));
  return position + BLOCK + (isTar ? 0 : Math.ceil(size / BLOCK) * BLOCK);
}

/** Reads a few kilobytes at a time: in shards of small files one read covers many headers. */
class ChunkReader {
  #chunk: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(readonly source: ByteSource) {}

  async read(offset: number, length: number): Promise<Buffer> {
    if (offset < this.#start || offset + length > this.#start + this.#chunk.length) {
      const available = this.source.size - offset;
      const { chunk = CHUNK } = this.source;
      this.#chunk = await this.source.read(offset, Math.max(length, Math.min(chunk, available)));
      this.#start = offset;
    }
    return this.#chunk.subarray(offset - this.#start, offset - this.#start + length);
  }
}

/** The checksum of a header, and what it says that is. */
function checkSums(header: Buffer): { sum: number; stored: number } {
  let sum = 8 * 32; // the field itself counts as spaces
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i]!;
  return { sum, stored: parseNumber(header.subarray(148, 156)) };
}

function checkSum(header: Buffer, position: number, file: string): void {
  const { sum, stored } = checkSums(header);
  if (sum === stored) return;
  const found = Number.isNaN(stored) ? 'and no checksum is written there' : `not the ${stored} written there`;
  throw new DamagedError(
    position === 0
      ? `${file} is not a tar: its first header has checksum ${sum}, ${found}. Fetch it again.`
      : `${file} is damaged: the header at byte ${position} has checksum ${sum}, ${found}. Fetch it again.`,
  );
}

/** Octal text, or GNU's base 256 for files from 8 GB on. NaN for anything else. */
function parseNumber(field: Buffer): number {
  if (field[0]! & 0x80) {
    let value = field[0]! & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    return value;
  }
  const digits = text(field).trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits === '' ? '0' : digits, 8) : Number.NaN;
}

function shortName(header: Buffer): string {
  const name = text(header.subarray(0, 100));
  const isUstar = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? text(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? field.length : end);
}

/** `path` and `size` of a PAX header: records `<length> <key>=<value>\n`, the length in bytes and counting itself. */
function parsePax(bytes: Buffer): { path?: string; size?: number } {
  const found: { path?: string; size?: number } = {};
  for (let start = 0; start < bytes.length;) {
    const space = bytes.indexOf(0x20, start);
    const length = space === -1 ? Number.NaN : Number(bytes.toString('latin1', start, space));
    if (!(length > space - start)) break;
    const record = bytes.toString('utf8', space + 1, start + length - 1);
    const equals = record.indexOf('=');
    const key = record.slice(0, equals);
    if (key === 'path') found.path = record.slice(equals + 1);
    if (key === 'size') found.size = Number(record.slice(equals + 1));
    start += length;
  }
  return found;
}
