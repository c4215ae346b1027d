import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/data/decode.js';
import { UserError } from '../../src/errors.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';
import { FIXTURES, readJson, sha256 } from './helpers/images.js';

interface Decoded {
  width: number;
  height: number;
  sha256: string;
}

describe("decoding as Pillow's convert('RGB')", () => {
  const { decode } = readJson<{ decode: Record<string, Decoded | null> }>(join(FIXTURES, 'index.json'));
  const readable = Object.entries(decode).filter((entry): entry is [string, Decoded] => entry[1] !== null);
  const unreadable = Object.keys(decode).filter((name) => decode[name] === null);

  it.each(readable)('%s', async (name, expected) => {
    const { width, height, data } = await decodeImage(readFileSync(join(FIXTURES, name)), name);
    expect({ width, height, sha256: sha256(data) }).toEqual(expected);
  });

  it.each(unreadable)('refuses %s as Pillow does', async (name) => {
    const bytes = readFileSync(join(FIXTURES, name));
    const failure = decodeImage(bytes, `photos/${name}`);
    await expect(failure).rejects.toThrow(UserError);
    await expect(failure).rejects.toThrow(`cannot decode photos/${name} (${bytes.length} bytes): `);
  });

  it.each(['420.jpg', '422-progressive.jpg', 'source.png'])(
    'refuses %s cut anywhere before its last tenth',
    async (name) => {
      const bytes = readFileSync(join(FIXTURES, name));
      for (let share = 0; share < 9; share++) {
        const part = bytes.subarray(0, Math.floor((bytes.length * share) / 10));
        await expect(decodeImage(part, name), `${share} tenths`).rejects.toThrow(UserError);
      }
    },
  );

  describe.skipIf(!hasGolden)(
    `the reference photographs${hasGolden ? '' : ` (skipped: ${NO_GOLDEN})`}`,
    () => {
      const index = hasGolden
        ? readJson<{ files: Record<string, { decoded_size_wh: number[]; decoded_sha256: string }> }>(
            join(GOLDEN, 'images/index.json'),
          )
        : { files: {} };
      it.each(Object.entries(index.files))('%s', async (name, expected) => {
        const { width, height, data } = await decodeImage(
          readFileSync(join(GOLDEN, 'images/input', name)),
          name,
        );
        expect([width, height]).toEqual(expected.decoded_size_wh);
        expect(sha256(data)).toBe(expected.decoded_sha256);
      });
    },
  );
});

describe('files that are no pictures', () => {
  it('names an empty file', async () => {
    await expect(decodeImage(new Uint8Array(0), 'a/empty.jpg')).rejects.toThrow(
      'a/empty.jpg is empty (0 bytes)',
    );
  });

  it('shows how a foreign file begins', async () => {
    await expect(
      decodeImage(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'x.jpg'),
    ).rejects.toThrow(
      'x.jpg is not an image: expected JPEG, PNG, WebP or GIF, found 41 bytes that begin with 3c 73 76 67 20 78 6d 6c.',
    );
  });

  it('refuses a decompression bomb by its header', async () => {
    const header = Buffer.from(readFileSync(join(FIXTURES, 'gray.png')));
    header.writeUInt32BE(30_000, 16);
    header.writeUInt32BE(30_000, 20);
    header.writeUInt32BE(crc32(header.subarray(12, 29)), 29);
    const bomb = Buffer.concat([header, deflateSync(Buffer.alloc(1000))]);
    await expect(decodeImage(bomb, 'bomb.png')).rejects.toThrow(
      /bomb\.png \(\d+ bytes\) says it has 30000 x 30000 pixels: expected at most 178956970 in all/,
    );
  });
});

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
