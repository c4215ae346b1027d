import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../src/errors.js';
import { writeFileAtomic } from '../../src/runtime/files.js';
import { disk } from '../helpers/full-disk.js';
import { asOrdinaryUser } from '../helpers/ordinary-user.js';

vi.mock('node:fs/promises', async (original) =>
  (await import('../helpers/full-disk.js')).fsOnFullDisk(original),
);

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'recnext-files-'));
  path = join(folder, 'out.bin');
});
afterEach(async () => {
  disk.left = Infinity;
  await fs.rm(folder, { recursive: true, force: true });
});

describe('writing a file whole or not at all', () => {
  it('takes text, bytes and pieces of any size, and returns their length', async () => {
    const pieces = [0, 1, 100_000, 300_000, 7, 262_144].map((n, i) => new Uint8Array(n).fill(i + 1));
    async function* later(): AsyncGenerator<Uint8Array> {
      for (const piece of pieces) yield await Promise.resolve(piece);
    }
    const whole = Buffer.concat(pieces);
    for (const [data, expected] of [
      ['héllo', Buffer.from('héllo')],
      [whole, whole],
      [pieces, whole],
      [later(), whole],
      [[], Buffer.alloc(0)],
    ] as const) {
      expect(await writeFileAtomic(path, data)).toBe(expected.length);
      expect((await fs.readFile(path)).equals(expected)).toBe(true);
    }
    expect(await fs.readdir(folder)).toEqual(['out.bin']);
  });

  it('keeps what was there, and nothing else, when the data fails halfway; the error is the data’s own', async () => {
    await writeFileAtomic(path, 'before');
    const problem = new RangeError('no more data');
    function* failing(): Generator<Uint8Array> {
      yield new Uint8Array(1000);
      throw problem;
    }
    await expect(writeFileAtomic(path, failing())).rejects.toBe(problem);
    expect(await fs.readFile(path, 'utf8')).toBe('before');
    expect(await fs.readdir(folder)).toEqual(['out.bin']);
  });

  it('says how much space was needed when the disk is full, and leaves what was there', async () => {
    await writeFileAtomic(path, 'before');
    disk.left = 100_000;
    const pieces = Array.from({ length: 10 }, () => new Uint8Array(300_000));
    const failed = writeFileAtomic(path, pieces, { size: 3_000_000 });
    await expect(failed).rejects.toThrow(UserError);
    await expect(failed).rejects.toThrow(/out\.bin: no space left on the disk \(3\.0 MB needed/);
    disk.left = Infinity;
    expect(await fs.readFile(path, 'utf8')).toBe('before');
    expect(await fs.readdir(folder)).toEqual(['out.bin']);
  });

  it('names the folder that does not exist, and a folder in place of the file', async () => {
    await expect(writeFileAtomic(join(folder, 'none', 'x'), '')).rejects.toThrow(
      /the folder .*none does not exist/,
    );
    await expect(writeFileAtomic(folder, '')).rejects.toThrow(/is a folder, expected a file name/);
  });

  it.skipIf(process.platform === 'win32')('says when it may not write', async () => {
    await fs.chmod(folder, 0o555);
    await asOrdinaryUser(async () => {
      await expect(writeFileAtomic(path, '')).rejects.toThrow(/no permission to write there/);
    });
    await fs.chmod(folder, 0o755);
  });
});
