import type { ByteSource } from '../byte-source.js';
import { BLOCK, nextEntry } from '../tar-index.js';

/** Bytes read at a header: the headers and labels that follow a picture lie together. */
const READ = 4096;
/** Bytes of the file that are scouted at a time: what is read of them is held. */
const WINDOW = 2 ** 30;
/** Requests at a time, and no more of them than one for so many bytes. */
const SCOUTS = 16;
const STRETCH = 2 ** 23;
/** Bytes read at a time where a scout looks for the first header of its stretch. */
const SEARCH = 2 ** 16;
/** Entries that tell whether a tar is worth it, and how many bytes there must be from read to read. */
const TRIED = 8;
const WORTH = 2 ** 16;

/**
 * A tar on a server, to be listed by its headers: one request after the other would take as long as fetching it whole, since each header says only where the
 * next one is. So scouts go ahead. Each begins somewhere in the file at the next bytes that look like a header, and walks from header to header; what it read
 * is kept for the one who lists the tar from its beginning. Scouts that were misled (a picture may hold anything) have read for nothing, and nobody is misled
 * by them.
 */
export function scoutedSource(source: ByteSource): ByteSource {
  const { size } = source;
  const known = new Map<number, Buffer>();
  let windowEnd = 0;

  const readAt = (offset: number, length: number): Promise<Buffer> =>
    source.read(offset, Math.min(length, size - offset));

  /** From the header at `start` on, up to `end`. */
  async function walk(start: number, end: number): Promise<void> {
    for (let at: number | undefined = start; at !== undefined && at < end;) {
      const bytes = await readAt(at, READ);
      known.set(at, bytes);
      const next = walkInside(bytes, at);
      // The end of a tar inside a tar, or an error.
      at = next ?? (await findHeader(at + BLOCK, Math.min(end, at + SEARCH)));
    }
  }

  /** Where the next bytes from `start` on look like a header. */
  async function findHeader(start: number, end: number): Promise<number | undefined> {
    for (let at = start; at + BLOCK <= Math.min(end, size); at += SEARCH) {
      const bytes = await readAt(at, SEARCH);
      for (let i = 0; i + BLOCK <= bytes.length; i += BLOCK)
        if (nextEntry(bytes.subarray(i, i + BLOCK), at + i) !== undefined) return at + i;
    }
    return undefined;
  }

  async function scout(from: number): Promise<void> {
    known.clear();
    windowEnd = Math.min(size, from + WINDOW);
    const stretches = Math.max(1, Math.min(SCOUTS, Math.floor((windowEnd - from) / STRETCH)));
    const length = Math.ceil((windowEnd - from) / stretches / BLOCK) * BLOCK;
    await Promise.all(
      Array.from({ length: stretches }, async (_, i) => {
        const [start, end] = [from + i * length, Math.min(windowEnd, from + (i + 1) * length)];
        const first = i === 0 ? from : await findHeader(start, end);
        if (first !== undefined) await walk(first, end);
      }),
    ).catch(() => undefined); // what fails here fails again, and is told, for the one who lists
  }

  return {
    file: source.file,
    size,
    chunk: READ,
    async read(offset, length) {
      if (length <= READ && offset >= windowEnd) await scout(offset);
      const bytes = known.get(offset);
      if (bytes === undefined || bytes.length < length) return source.read(offset, length);
      known.delete(offset);
      return bytes;
    },
    close: () => source.close(),
  };
}

/** Where the first header is that does not lie in these bytes, which begin with one; undefined where one of them is none. */
function walkInside(bytes: Buffer, start: number): number | undefined {
  let at = start;
  while (at + BLOCK <= start + bytes.length) {
    const next = nextEntry(bytes.subarray(at - start, at - start + BLOCK), at);
    if (next === undefined) return undefined;
    at = next;
  }
  return at;
}

/** Whether the first entries of a tar are so large that its headers are read sooner than all of it. */
export async function isWorthScouting(source: ByteSource): Promise<boolean> {
  let at = 0;
  for (let tries = 0; tries < TRIED; tries++) {
    if (at + BLOCK > source.size) return false;
    const bytes = await source.read(at, Math.min(READ, source.size - at));
    const next = walkInside(bytes, at);
    if (next === undefined || next >= source.size) return false;
    at = next;
  }
  return at / TRIED >= WORTH;
}
