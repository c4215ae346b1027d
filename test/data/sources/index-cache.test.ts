import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeIndex, encodeIndex } from '../../../src/data/sources/index-file.js';
import { openDataset } from '../../../src/data/sources/open-dataset.js';
import { PackedStrings } from '../../../src/data/sources/packed-strings.js';
import { SampleIndexBuilder } from '../../../src/data/sources/sample-index.js';
import { temporaryFolders } from '../helpers/shards.js';

const folder = temporaryFolders();

/** A tar of empty files, which is nothing but headers. */
function emptyFiles(count: number, name: (i: number) => string): Buffer {
  const tar = Buffer.alloc((count + 2) * 512);
  for (let i = 0; i < count; i++) {
    const header = tar.subarray(i * 512, (i + 1) * 512);
    header.write(name(i), 'utf8');
    for (const at of [100, 108, 116, 124, 136]) header.write('00000000', at, 'latin1');
    header.fill(' ', 148, 156);
    header[156] = 0x30;
    const sum = header.reduce((a, b) => a + b, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return tar;
}

describe('a list of samples', () => {
  const index = (): ReturnType<SampleIndexBuilder['finish']> => {
    const builder = new SampleIndexBuilder();
    builder.push({ name: 'größe/猫.jpg', label: 3, offset: 2 ** 40 + 512, size: 7 });
    builder.push({ name: '', label: -1, offset: 0, size: 0 });
    return builder.finish();
  };

  it('comes back as it was written', () => {
    const read = decodeIndex(encodeIndex(index(), 'v 1'), 'v 1')!;
    expect([...read.names]).toEqual(['größe/猫.jpg', '']);
    expect([read.labels, read.offsets, read.sizes]).toEqual([
      Int32Array.of(3, -1),
      Float64Array.of(2 ** 40 + 512, 0),
      Float64Array.of(7, 0),
    ]);
  });

  it('of another version, cut at any byte, or with any byte changed is none', () => {
    const bytes = encodeIndex(index(), 'v 1');
    expect(decodeIndex(bytes, 'v 2')).toBeUndefined();
    for (let i = 0; i < bytes.length; i++) {
      expect(decodeIndex(bytes.subarray(0, i), 'v 1'), `cut at ${i}`).toBeUndefined();
      const damaged = Buffer.from(bytes);
      damaged[i]! ^= 0x10;
      expect(decodeIndex(damaged, 'v 1'), `byte ${i}`).toBeUndefined();
    }
  });

  it('packs names of any length and script', () => {
    const names = ['', 'a', 'ä'.repeat(70_000), '猫'.repeat(3), '𝄞', ''];
    expect([...PackedStrings.of(names)]).toEqual(names);
  });
});

describe('the cache of lists', () => {
  const COUNT = 6000;
  const name = (i: number): string => `class${i % 7}/${i}.jpg`;

  it('is used as long as the tar is the same, and made anew when it is not or the list is damaged', async () => {
    const root = await folder();
    const cacheDir = await folder();
    const file = path.join(root, 'a.tar');
    const bytes = emptyFiles(COUNT, name);
    await writeFile(file, bytes);
    const time = new Date(1_700_000_000_000);
    await utimes(file, time, time);
    const open = () => openDataset(file, { cacheDir });
    const check = async (): Promise<void> => {
      const dataset = await open();
      expect([dataset.length, dataset.numClasses]).toEqual([COUNT, 7]);
      for (const i of [0, 1, 4321, COUNT - 1])
        expect([dataset.name(i), dataset.label(i)]).toEqual([`${file}!${name(i)}`, i % 7]);
    };
    await check();
    const [cached] = await readdir(path.join(cacheDir, 'index'));
    const list = path.join(cacheDir, 'index', cached!);
    const first = await readFile(list);

    // Bytes that are no tar any more, with the same size and time: only who looks at the list can still open it.
    await writeFile(file, Buffer.alloc(bytes.length, 1));
    await utimes(file, time, time);
    await check();

    await writeFile(file, bytes);
    await utimes(file, time, time);
    await writeFile(list, first.subarray(0, 5000));
    await check();
    expect((await readFile(list)).equals(first)).toBe(true);

    await writeFile(file, emptyFiles(COUNT + 1, name));
    expect((await open()).length).toBe(COUNT + 1);
    expect(await readdir(path.join(cacheDir, 'index'))).toEqual([cached]);
  });

  it('keeps nothing of small sets, and a cache that cannot be written stops nothing', async () => {
    const root = await folder();
    const cacheDir = await folder();
    const file = path.join(root, 'a.tar');
    await writeFile(file, emptyFiles(10, name));
    await openDataset(file, { cacheDir });
    expect(await readdir(cacheDir)).toEqual([]);
    await writeFile(file, emptyFiles(COUNT, name));
    const lines: string[] = [];
    await writeFile(path.join(cacheDir, 'index'), 'a file where a folder is wanted');
    const dataset = await openDataset(file, { cacheDir, notice: (line) => lines.push(line) });
    expect(dataset.length).toBe(COUNT);
    expect(lines).toEqual([expect.stringContaining('the list of samples is not kept for next time')]);
  });
});
