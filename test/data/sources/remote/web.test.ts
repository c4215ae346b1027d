import { createHash } from 'node:crypto';
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BrokenSamples } from '../../../../src/data/broken-samples.js';
import { openDataset, type OpenDatasetOptions } from '../../../../src/data/sources/open-dataset.js';
import { UsageError } from '../../../../src/errors.js';
import { answer, FileServer, hangUpAfter, stallAfter } from '../../../helpers/file-server.js';
import { tarBytes, temporaryFolders } from '../../helpers/shards.js';

const folder = temporaryFolders();
const server = new FileServer();
const timing = { stallMs: 200, retries: 2, backoffMs: 1, pollMs: 5 };
const content = (i: number): string => `picture ${i} `.repeat(300);

beforeAll(async () => void (await server.start()));
afterAll(() => server.stop());
beforeEach(() => {
  server.files.clear();
  server.requests.length = 0;
  server.faults.length = 0;
});

/** Shards `s-0.tar`, … of one picture each. */
async function shards(count: number): Promise<void> {
  for (let i = 0; i < count; i++)
    server.files.set(`/s-${i}.tar`, await tarBytes({ '1.jpg': content(i), '1.cls': String(i) }));
}

const open = (name: string, options: OpenDatasetOptions & { cacheDir: string }) =>
  openDataset(server.url + name, { timing, ...options });
/** Shards and lists that were sent; what is not there is not among them. */
const bodies = (): string[] =>
  server.requests
    .filter(
      ({ method, headers, path: asked }) =>
        method === 'GET' && headers.range !== 'bytes=0-0' && server.files.has(asked),
    )
    .map(({ path: asked }) => asked)
    .sort();
const read = async (dataset: Awaited<ReturnType<typeof open>>, i: number): Promise<string> =>
  Buffer.from(await dataset.read(i)).toString();

describe('shards on the web', () => {
  it('are fetched once, listed once, and read from the cache', async () => {
    await shards(3);
    server.files.set('/classes.txt', Buffer.from('cat\ndog\nhen\n'));
    const cacheDir = await folder();
    const dataset = await open('/s-{0..2}.tar', { cacheDir });
    expect([dataset.length, dataset.classes]).toEqual([3, ['cat', 'dog', 'hen']]);
    for (const i of [2, 0, 1]) expect([dataset.label(i), await read(dataset, i)]).toEqual([i, content(i)]);
    expect(dataset.name(1)).toBe(`${server.url}/s-1.tar!1`);
    expect(bodies()).toEqual(['/classes.txt', '/s-0.tar', '/s-1.tar', '/s-2.tar']);
    server.requests.length = 0;
    const again = await open('/s-{0..2}.tar', { cacheDir });
    expect(await read(again, 1)).toBe(content(1));
    expect(bodies()).toEqual(['/classes.txt']);
  });

  it('are fetched ahead of their use', async () => {
    await shards(5);
    const cacheDir = await folder();
    await open('/s-{0..4}.tar', { cacheDir });
    await rm(path.join(cacheDir, 'shards'), { recursive: true });
    server.requests.length = 0;
    const dataset = await open('/s-{0..4}.tar', { cacheDir });
    expect(bodies()).toEqual([]);
    expect(await read(dataset, 0)).toBe(content(0));
    await expect.poll(() => bodies()).toEqual(['/s-0.tar', '/s-1.tar', '/s-2.tar']);
    // All of them are whole before the folder is removed.
    await expect
      .poll(async () =>
        (await readdir(path.join(cacheDir, 'shards'))).filter((name) => name.endsWith('.tar')),
      )
      .toHaveLength(3);
  });

  it('that do not all fit are read by range, and the cache stays within its limit', async () => {
    await shards(4);
    const cacheDir = await folder();
    const size = server.files.get('/s-0.tar')!.length;
    const cacheLimit = 2 * size + 10;
    const dataset = await open('/s-{0..3}.tar', { cacheDir, cacheLimit });
    const kept = async (): Promise<number> => {
      const names = await readdir(path.join(cacheDir, 'shards'));
      return (await Promise.all(names.map((name) => stat(path.join(cacheDir, 'shards', name))))).reduce(
        (sum, info) => sum + info.size,
        0,
      );
    };
    expect(await kept()).toBe(2 * size);
    server.requests.length = 0;
    for (const i of [3, 0, 2, 1]) expect(await read(dataset, i)).toBe(content(i));
    expect(await kept()).toBe(2 * size);
    // Two of four are in the cache, the other two pictures came alone.
    expect(server.requests.map(({ headers }) => headers.range)).toEqual(
      Array(2).fill(`bytes=512-${511 + content(0).length}`),
    );
  });

  it('larger than the cache may become are refused', async () => {
    await shards(1);
    await expect(open('/s-0.tar', { cacheDir: await folder(), cacheLimit: 1000 })).rejects.toThrow(
      UsageError,
    );
    const notices: string[] = [];
    const notice = (line: string): void => void notices.push(line);
    await expect(open('/s-0.tar', { cacheDir: await folder(), cacheLimit: 1000, notice })).rejects.toThrow(
      /s-0\.tar has \d+ bytes, more than the cache may take \(--cache-limit 1000\): raise the limit/,
    );
    // Nothing is wrong with the shard: it is not fetched again.
    expect(notices).toEqual([expect.stringMatching(/s-0\.tar: 1 files/)]);
  });

  it('need a cache that can be written to', async () => {
    await shards(1);
    const cacheDir = path.join(await folder(), 'file');
    await writeFile(cacheDir, 'no folder');
    await expect(open('/s-0.tar', { cacheDir })).rejects.toThrow(
      `${path.join(cacheDir, 'shards')} cannot be made (ENOTDIR): set --cache-dir to a folder that may be written to.`,
    );
  });

  it('come through stalls, broken connections and busy servers', async () => {
    await shards(1);
    server.faults.push(stallAfter(700), hangUpAfter(900), answer(503));
    const dataset = await open('/s-0.tar', { cacheDir: await folder(), timing: { ...timing, retries: 3 } });
    expect(await read(dataset, 0)).toBe(content(0));
    // Each attempt went on where the one before ended.
    expect(server.bodies('/s-0.tar').map(({ headers }) => headers.range)).toEqual([
      undefined,
      'bytes=700-',
      'bytes=1600-',
      'bytes=1600-',
    ]);
  });

  it('of a server that stalls for good end in one line', async () => {
    await shards(1);
    server.faults.push(...Array.from({ length: 9 }, () => stallAfter(10)));
    await expect(open('/s-0.tar', { cacheDir: await folder() })).rejects.toThrow(
      /s-0\.tar: fetching from 127\.0\.0\.1:\d+ failed again and again: nothing came for 0\.2 s/,
    );
  });

  it('single samples come through stalls as well', async () => {
    await shards(2);
    const cacheLimit = server.files.get('/s-0.tar')!.length + 10;
    const dataset = await open('/s-{0..1}.tar', { cacheDir: await folder(), cacheLimit });
    server.faults.push(stallAfter(10), hangUpAfter(100));
    for (const i of [0, 1]) expect(await read(dataset, i)).toBe(content(i));
    server.faults.push(...Array.from({ length: 9 }, () => stallAfter(10)));
    await expect(Promise.all([dataset.read(0), dataset.read(1)])).rejects.toThrow(
      /s-\d\.tar: fetching from .* failed again and again/,
    );
    server.faults.length = 0;
    server.ranges = false;
    await expect(Promise.all([dataset.read(0), dataset.read(1)])).rejects.toThrow(
      'the server sends whole files only (no ranges)',
    );
    server.ranges = true;
  });

  it('that are broken are fetched once more, then reported', async () => {
    await shards(2);
    const whole = server.files.get('/s-1.tar')!;
    const broken = whole.slice(0, 1024);
    server.files.set('/s-1.tar', broken);
    const lines: string[] = [];
    const options = { cacheDir: await folder(), notice: (line: string) => lines.push(line) };
    await expect(open('/s-{0..1}.tar', options)).rejects.toThrow(`${server.url}/s-1.tar is truncated`);
    expect(server.bodies('/s-1.tar')).toHaveLength(2);
    const dataset = await open('/s-{0..1}.tar', { ...options, onBroken: 'skip' });
    expect([dataset.length, lines.at(-1)]).toEqual([
      1,
      expect.stringContaining(`left out: ${server.url}/s-1.tar is truncated`),
    ]);

    // One that was damaged only on its way is whole the second time.
    const damaged = Buffer.from(whole);
    damaged.fill(1, 0, 512);
    server.files.set('/s-1.tar', whole);
    server.validator = 'none';
    server.faults.push(({ response, headers }) => void response.writeHead(200, headers).end(damaged));
    lines.length = 0;
    expect((await open('/s-1.tar', { ...options, cacheDir: await folder() })).length).toBe(1);
    expect(lines).toContainEqual(expect.stringMatching(/^fetching it again: .*s-1\.tar is not a tar: /));
    server.validator = 'strong';
  });

  it('are held against the manifest beside them', async () => {
    await shards(2);
    const sha256 = (i: number): string =>
      createHash('sha256')
        .update(server.files.get(`/s-${i}.tar`)!)
        .digest('hex');
    const bytes = server.files.get('/s-0.tar')!.length;
    const manifest = (second: object): void => {
      const list = [0, 1].map((i) => ({ file: `s-${i}.tar`, bytes, samples: 1, sha256: sha256(i) }));
      server.files.set(
        '/s.manifest.json',
        Buffer.from(JSON.stringify({ version: 1, shards: [list[0], { ...list[1], ...second }] })),
      );
    };
    manifest({});
    expect((await open('/s-{0..1}.tar', { cacheDir: await folder() })).length).toBe(2);
    manifest({ sha256: 'f'.repeat(64) });
    await expect(open('/s-{0..1}.tar', { cacheDir: await folder() })).rejects.toThrow(
      /sent other bytes than it says, twice: expected sha256 f+/,
    );
    manifest({ bytes: 7 });
    await expect(open('/s-{0..1}.tar', { cacheDir: await folder() })).rejects.toThrow(
      `s-1.tar has ${bytes} bytes, its manifest says 7`,
    );
    server.files.set('/s.manifest.json', Buffer.from('{}'));
    await expect(open('/s-{0..1}.tar', { cacheDir: await folder() })).rejects.toThrow(
      's.manifest.json beside',
    );
  });

  it('say what is wrong with the address', async () => {
    const cacheDir = await folder();
    await expect(open('/none.tar', { cacheDir })).rejects.toThrow(
      'none.tar: there is no such file on the server (404)',
    );
    await expect(openDataset('ftp://example.org/a.tar', { cacheDir })).rejects.toThrow(
      'ftp:// is not supported as a data source: expected https://, hf://, s3:// or a path',
    );
    await expect(openDataset('http://', { cacheDir })).rejects.toThrow(
      '"http://" is no address: expected https://host/path',
    );
    server.files.set('/page.html', Buffer.from('<html>a page, not a shard</html>'));
    await expect(open('/page.html?token=secret', { cacheDir })).rejects.toThrow(
      /page\.html is a file: expected/,
    );
    await expect(open('/page.html?token=secret', { cacheDir })).rejects.not.toThrow(/secret/);
  });
});

describe('pictures on the web, listed by a CSV', () => {
  const pictures = ['a.jpg', 'b c#.jpg', 'd.jpg'];

  beforeEach(() => {
    pictures.forEach((name, i) => server.files.set(`/in/${name}`, Buffer.from(content(i))));
  });

  it('beside it, or anywhere; each is fetched once', async () => {
    server.files.set(
      '/list.csv',
      Buffer.from(`path,label\nin/a.jpg,1\nin/b c#.jpg,0\n${server.url}/in/d.jpg,1\n`),
    );
    server.files.set('/classes.txt', Buffer.from('cat\ndog\n'));
    const cacheDir = await folder();
    const dataset = await open('/list.csv', { cacheDir });
    expect([dataset.length, dataset.classes, dataset.name(1)]).toEqual([
      3,
      ['cat', 'dog'],
      `${server.url}/in/b%20c%23.jpg`,
    ]);
    for (const i of [2, 1, 0, 1]) expect(await read(dataset, i)).toBe(content(i));
    server.requests.length = 0;
    const again = await open('/list.csv', { cacheDir });
    for (const i of [0, 1, 2]) expect(await read(again, i)).toBe(content(i));
    expect(bodies()).toEqual(['/classes.txt', '/list.csv']);
  });

  it('named by a CSV on this machine', async () => {
    const root = await folder();
    const list = path.join(root, 'list.csv');
    await writeFile(list, `${server.url}/in/a.jpg,0\n${server.url}/in/d.jpg?token=secret,1\n`);
    const dataset = await openDataset(list, { timing, cacheDir: await folder() });
    expect([await read(dataset, 0), await read(dataset, 1)]).toEqual([content(0), content(2)]);
    expect(dataset.name(1)).toBe(`${server.url}/in/d.jpg`);
  });

  it('take no more room than they may, what earlier runs left goes first', async () => {
    server.files.set('/list.csv', Buffer.from(pictures.map((name, i) => `in/${name},${i}\n`).join('')));
    const cacheDir = await folder();
    const size = content(0).length;
    const kept = async (): Promise<number> => {
      const names = await readdir(path.join(cacheDir, 'pictures'), { recursive: true });
      const infos = await Promise.all(names.map((name) => stat(path.join(cacheDir, 'pictures', name))));
      return infos.filter((info) => info.isFile()).length;
    };
    const cacheLimit = 2 * size + 10;
    const first = await open('/list.csv', { cacheDir, cacheLimit });
    for (const i of [0, 1, 2, 2]) expect(await read(first, i)).toBe(content(i));
    expect(await kept()).toBe(2);
    server.requests.length = 0;
    expect([await read(first, 0), await read(first, 1)]).toEqual([content(0), content(1)]);
    expect(bodies()).toEqual([]);
    const second = await open('/list.csv', { cacheDir, cacheLimit });
    expect(await read(second, 2)).toBe(content(2));
    server.requests.length = 0;
    expect(await read(second, 2)).toBe(content(2));
    expect(bodies()).toEqual([]);
  });

  it('a list that may not be read is refused, as a picture of one is', async () => {
    server.files.set('/list.csv', Buffer.from('in/a.jpg,0\nin/d.jpg,1\n'));
    server.faults.push(answer(403));
    await expect(open('/list.csv', { cacheDir: await folder() })).rejects.toThrow(
      'list.csv: the server refuses access (403)',
    );
    const dataset = await open('/list.csv', { cacheDir: await folder() });
    server.faults.push(answer(403));
    await expect(dataset.read(1)).rejects.toThrow('in/d.jpg: the server refuses access (403)');
  });

  it('or by a list of iNaturalist', async () => {
    const list = {
      images: [0, 2].map((i) => ({ id: i, file_name: `in/${pictures[i]!}` })),
      annotations: [
        { image_id: 0, category_id: 9 },
        { image_id: 2, category_id: 4 },
      ],
      categories: [
        { id: 9, name: 'Aves' },
        { id: 4, name: 'Plantae' },
      ],
    };
    server.files.set('/train2018.json', Buffer.from(JSON.stringify(list)));
    const dataset = await open('/train2018.json', { cacheDir: await folder() });
    expect(dataset.classes).toEqual(['Plantae', 'Aves']);
    expect([dataset.label(0), dataset.name(1)]).toEqual([1, `${server.url}/in/d.jpg`]);
    expect([await read(dataset, 0), await read(dataset, 1)]).toEqual([content(0), content(2)]);
    await expect(open('/val2018.json', { cacheDir: await folder() })).rejects.toThrow(
      'val2018.json does not exist',
    );
  });

  it('one that is not there is a broken sample, a server that stalls is not', async () => {
    server.files.set('/list.csv', Buffer.from('in/a.jpg,0\nin/none.jpg,1\nin/d.jpg,1\n'));
    const dataset = await open('/list.csv', { cacheDir: await folder() });
    const broken: string[] = [];
    const samples = new BrokenSamples(dataset, ({ reason }) => broken.push(reason));
    const load = async (index: number): Promise<void> => void (await dataset.read(index));
    expect(await samples.firstGood(1, load)).toBe(2);
    expect(broken).toEqual([`${server.url}/in/none.jpg is not there: the server has no such file.`]);
    server.faults.push(...Array.from({ length: 9 }, () => stallAfter(10)));
    const fresh = await open('/list.csv', { cacheDir: await folder() }).catch((error: unknown) => error);
    expect(fresh).toMatchObject({ message: expect.stringMatching(/failed again and again/) as string });
    server.faults.length = 0;
    const third = await open('/list.csv', { cacheDir: await folder() });
    server.faults.push(...Array.from({ length: 9 }, () => stallAfter(10)));
    await expect(
      new BrokenSamples(third).firstGood(2, async (index) => void (await third.read(index))),
    ).rejects.toThrow(/in\/d\.jpg: fetching from .* failed again and again/);
    server.faults.length = 0;
  });
});
