import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../src/data/sources/byte-source.js';
import { indexTar } from '../../../src/data/sources/tar-index.js';
import { tarBytes } from '../helpers/shards.js';

async function list(bytes: Buffer): Promise<[name: string, content: string][]> {
  const found: [string, string][] = [];
  await indexTar(memorySource('x.tar', bytes), async ({ name, offset, size }, read) => {
    expect(bytes.subarray(offset, offset + size).equals(await read())).toBe(true);
    found.push([name, (await read()).toString()]);
  });
  return found;
}

/** Sets a field of the header at `at` and corrects its checksum. */
function patch(bytes: Buffer, at: number, field: number, value: string | Buffer): Buffer {
  const copy = Buffer.from(bytes);
  Buffer.from(value).copy(copy, at + field);
  copy.fill(' ', at + 148, at + 156);
  const sum = copy.subarray(at, at + 512).reduce((a, b) => a + b, 0);
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
  return copy;
}

describe('listing a tar', () => {
  it('finds names and bytes: short, nested, long (PAX), not ASCII, empty, larger than a chunk', async () => {
    const files: [string, string][] = [
      ['a.txt', 'first'],
      [`${'d'.repeat(90)}/${'e'.repeat(80)}.txt`, 'prefix'],
      [`${'long'.repeat(60)}.txt`, 'pax'],
      ['größe/猫.txt', 'unicode'],
      ['empty', ''],
      ['big', 'b'.repeat(40_000)],
      ['last', 'x'.repeat(512)],
    ];
    expect(await list(await tarBytes(files))).toEqual(files);
  });

  it('reads long names of GNU tar and base-256 sizes', async () => {
    const name = `${'n'.repeat(200)}.png`;
    const plain = await tarBytes([
      ['././@LongLink', `${name}\0`],
      ['short', 'content'],
    ]);
    let bytes = patch(plain, 0, 156, 'L');
    bytes = patch(bytes, 1024, 124, Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]));
    expect(await list(bytes)).toEqual([[name, 'content']]);
  });

  it('passes over folders and links', async () => {
    const plain = await tarBytes([
      ['folder', ''],
      ['link', ''],
      ['file', 'x'],
    ]);
    expect(await list(patch(patch(plain, 0, 156, '5'), 512, 156, '2'))).toEqual([['file', 'x']]);
  });
});

describe('tars that are none', () => {
  it('notices truncation at every byte', async () => {
    const bytes = await tarBytes([
      ['a', 'x'.repeat(600)],
      ['b', 'y'],
    ]);
    const ends = bytes.length - 1024;
    for (const length of [0, 1, 511, 512, 513, 1000, 1535, 1536, 2047, 2048, 2049, ends, ends + 511])
      await expect(list(bytes.subarray(0, length)), `${length} bytes`).rejects.toThrow(
        /x\.tar is (truncated|not a tar)/,
      );
  });

  it('says where a header is damaged', async () => {
    const bytes = await tarBytes([
      ['a', 'x'],
      ['b', 'y'],
    ]);
    bytes[1024]! ^= 1;
    await expect(list(bytes)).rejects.toThrow(
      /x\.tar is damaged: the header at byte 1024 has checksum \d+, not the \d+ written there/,
    );
    await expect(list(Buffer.alloc(2048, 'not a tar'))).rejects.toThrow(
      /^x\.tar is not a tar: its first header has checksum \d+, and no checksum is written there\. Fetch it again\.$/,
    );
  });

  it('believes no size: larger than the file, negative, not a number', async () => {
    const bytes = await tarBytes([['a', 'x']]);
    await expect(list(patch(bytes, 0, 124, '77777777777\0'))).rejects.toThrow(
      'the entry at byte 0 has 8589934591 bytes',
    );
    await expect(list(patch(bytes, 0, 124, Buffer.alloc(12, 0xff)))).rejects.toThrow('is truncated');
    await expect(list(patch(bytes, 0, 124, 'abc'))).rejects.toThrow('x.tar');
  });
});
