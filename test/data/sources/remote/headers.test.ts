import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { packShards } from '../../../../src/data/pack/pack.js';
import type { Dataset } from '../../../../src/data/index.js';
import { openDataset } from '../../../../src/data/sources/open-dataset.js';
import { FileServer } from '../../../helpers/file-server.js';
import { tarBytes, temporaryFolders, writeTar } from '../../helpers/shards.js';
import { memoryDataset, noiseJpeg } from '../../helpers/synthetic-dataset.js';

const folder = temporaryFolders();
const server = new FileServer();
const timing = { stallMs: 5000, retries: 1, backoffMs: 1, pollMs: 5 };

beforeAll(async () => void (await server.start()));
afterAll(() => server.stop());
beforeEach(() => {
  server.files.clear();
  server.requests.length = 0;
  server.ranges = true;
  // Hashing the whole for each of its parts would take longer than all else.
  server.validator = 'date';
});

/** Noise of about 100 KB, other sizes for other numbers. */
const picture = (i: number): Buffer => {
  const bytes = Buffer.alloc(90_000 + ((i * 7919) % 30_000));
  let state = i + 1;
  for (let k = 0; k < bytes.length; k++)
    bytes[k] = (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24;
  return bytes;
};

/** What was sent of a file, bytes. */
const sent = (file: string): number =>
  server.bodies(file).reduce((sum, { headers }) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    return sum + (from === undefined ? server.files.get(file)!.length : Number(to) - Number(from) + 1);
  }, 0);

const contents = async (dataset: Dataset): Promise<string[]> => {
  const lines: string[] = [];
  for (let i = 0; i < dataset.length; i++) {
    const bytes = Buffer.from(await dataset.read(i));
    const start = bytes.subarray(0, 40).toString('hex');
    lines.push(`${dataset.label(i)} ${path.basename(dataset.name(i))} ${bytes.length} ${start}`);
  }
  return lines;
};

/** The same tar from the server as from the disk, and how many bytes the listing took. */
async function compare(files: [string, string | Uint8Array][], cacheLimit?: number): Promise<number> {
  const root = await folder();
  const file = await writeTar(root, 'x.tar', files);
  const local = await openDataset(file, { cacheDir: path.join(root, 'a') });
  server.files.set('/x.tar', await readFile(file));
  const options = { timing, cacheDir: path.join(root, 'b'), cacheLimit };
  const remote = await openDataset(`${server.url}/x.tar`, options);
  const bytes = sent('/x.tar');
  expect(await contents(remote)).toEqual(await contents(local));
  return bytes / server.files.get('/x.tar')!.length;
}

describe('a tar on the web whose pictures are large is listed by its headers', () => {
  const shard = (count: number): [string, string | Uint8Array][] =>
    Array.from({ length: count }, (_, i): [string, string | Uint8Array][] => [
      [`${i}.jpg`, picture(i)],
      [`${i}.cls`, String(i % 7)],
    ]).flat();

  it('of a shard', async () => {
    expect(await compare(shard(120))).toBeLessThan(0.15);
    // A few requests a picture would do one after the other what scouts do at the same time.
    expect(server.bodies('/x.tar').length).toBeLessThan(120 * 2 + 60);
  });

  it('of a set that does not fit into the cache', async () => {
    expect(await compare(shard(60), 1_000_000)).toBeLessThan(0.15);
  });

  it('with long names, long labels, and pictures that hold what looks like headers', async () => {
    const inner = await tarBytes(shard(3));
    const files = shard(120).map(([name, content], i): [string, string | Uint8Array] => [
      `${'long-folder-name-'.repeat((i >> 1) % 10 === 0 ? 12 : 1)}/${name}`,
      i % 40 === 2 ? Buffer.concat([Buffer.alloc(4096), inner]) : content,
    ]);
    files.push(['last.jpg', picture(1)], ['last.json', JSON.stringify({ label: 3, text: 'x'.repeat(9000) })]);
    expect(await compare(files)).toBeLessThan(0.3);
  });

  it('of tars in the tar, one a class', async () => {
    const classes: [string, Uint8Array][] = [];
    for (const name of ['n01440764', 'n01443537'])
      classes.push([
        `${name}.tar`,
        await tarBytes(
          Array.from({ length: 40 }, (_, i): [string, Uint8Array] => [`${name}_${i}.JPEG`, picture(i)]),
        ),
      ]);
    expect(await compare(classes)).toBeLessThan(0.2);
  });

  it('not where the server sends whole files only, nor where the pictures are small', async () => {
    server.ranges = false;
    expect(await compare(shard(50))).toBe(1);
    server.ranges = true;
    const small = Array.from({ length: 3000 }, (_, i): [string, string][] => [
      [`${i}.jpg`, `picture ${i} `.repeat(90)],
      [`${i}.cls`, '1'],
    ]).flat();
    server.requests.length = 0;
    expect(await compare(small)).toBeGreaterThan(1);
    expect(server.bodies('/x.tar').length).toBeLessThan(12);
  });

  it('what is cut off is told as of a file here', async () => {
    const bytes = await tarBytes(shard(60));
    server.files.set('/x.tar', bytes.subarray(0, bytes.length - 200_000));
    await expect(openDataset(`${server.url}/x.tar`, { timing, cacheDir: await folder() })).rejects.toThrow(
      /x\.tar is truncated: the entry at byte \d+ has \d+ bytes/,
    );
  });

  it('its samples come by range until it is here', async () => {
    server.files.set('/x.tar', await tarBytes(shard(60)));
    const cacheDir = await folder();
    const dataset = await openDataset(`${server.url}/x.tar`, { timing, cacheDir });
    server.requests.length = 0;
    expect(Buffer.from(await dataset.read(41)).equals(picture(41))).toBe(true);
    const shards = path.join(cacheDir, 'shards');
    await expect
      .poll(async () => (await readdir(shards)).filter((name) => name.endsWith('.tar')).length)
      .toBe(1);
    server.requests.length = 0;
    for (const i of [3, 59]) expect(Buffer.from(await dataset.read(i)).equals(picture(i))).toBe(true);
    expect(server.bodies('/x.tar')).toEqual([]);
  });
});

describe('shards that `recnext shards` packed', () => {
  it('come with lists of what is in them: nothing of the shards is read to list them', async () => {
    const root = await folder();
    const data = memoryDataset(await Promise.all([1, 2, 3, 4, 5].map((i) => noiseJpeg(30, 20, i))));
    await packShards(data, { out: path.join(root, 's-{00..}.tar'), maxCount: 2 });
    for (const name of await readdir(root))
      server.files.set(`/${name}`, await readFile(path.join(root, name)));
    const open = async () =>
      openDataset(`${server.url}/s-{00..02}.tar`, { timing, cacheDir: await folder() });
    const dataset = await open();
    const shards = server.requests.filter(({ path: asked }) => asked.endsWith('.tar'));
    expect(shards.every(({ headers }) => headers.range === 'bytes=0-0')).toBe(true);
    const local = await openDataset(path.join(root, 's-{00..02}.tar'), { cacheDir: await folder() });
    expect(await contents(dataset)).toEqual(await contents(local));

    // A list of other shards, one that leads out of them, or none: they are listed anew.
    const index = server.files.get('/s-01.tar.index')!;
    for (const other of [Buffer.from('0 9999999 5 key\n'), Buffer.from('nonsense'), undefined]) {
      if (other) server.files.set('/s-01.tar.index', other);
      else server.files.delete('/s-01.tar.index');
      expect(await contents(await open())).toEqual(await contents(local));
    }
    server.files.set('/s-01.tar.index', index);
  });
});
