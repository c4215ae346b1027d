import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Dataset } from '../../../src/data/dataset.js';
import { decodeImage } from '../../../src/data/decode.js';
import { openDataset } from '../../../src/data/index.js';
import { packShards } from '../../../src/data/pack/pack.js';
import { ShardNames } from '../../../src/data/pack/shard-names.js';
import { FIXTURES, sha256 } from '../helpers/images.js';
import { temporaryFolders } from '../helpers/shards.js';
import { memoryDataset, noiseJpeg } from '../helpers/synthetic-dataset.js';

const temporary = temporaryFolders();
let folder: string;
let out: string;
beforeEach(async () => {
  folder = await temporary();
  out = join(folder, 'shards/train-{000000..}.tar');
});

/** Label, class and digest of the pixels of every sample. */
async function contents(data: Dataset): Promise<string[]> {
  return Promise.all(
    Array.from({ length: data.length }, async (_, i) => {
      const { width, height, data: pixels } = await decodeImage(await data.read(i), data.name(i));
      const label = data.label(i);
      return `${label} ${data.classes?.[label]} ${width}x${height} ${sha256(pixels)}`;
    }),
  );
}

/** Two classes of pictures in the formats people have. */
async function classFolders(): Promise<Dataset> {
  const files = {
    ant: ['420.jpg', 'gray.png', 'lossy.webp'],
    bee: ['palette.gif', 'cmyk-adobe.jpg', 'rgb-16.png', 'source.png'],
  };
  for (const [name, pictures] of Object.entries(files)) {
    await mkdir(join(folder, 'in', name), { recursive: true });
    // By what is in it, not by its ending, as one picture of ImageNet.
    for (const file of pictures)
      await copyFile(join(FIXTURES, file), join(folder, 'in', name, file.replace(/gif$/, 'JPEG')));
  }
  return openDataset(join(folder, 'in'), { cacheDir: join(folder, 'cache') });
}

const open = (pattern: string): Promise<Dataset> => openDataset(pattern, { cacheDir: join(folder, 'cache') });

/** The files of the folder with digests of their bytes. */
async function files(): Promise<Record<string, string>> {
  const at = join(folder, 'shards');
  const names = (await readdir(at)).sort();
  return Object.fromEntries(
    await Promise.all(
      names.map(async (name) => [
        name,
        createHash('sha256')
          .update(await readFile(join(at, name)))
          .digest('hex'),
      ]),
    ),
  ) as Record<string, string>;
}

describe('packing', () => {
  it('gives the same samples, labels and classes when it is opened again', async () => {
    const data = await classFolders();
    const result = await packShards(data, { out, maxCount: 3 });
    expect(result).toMatchObject({ shards: 3, samples: 7, kept: 0, broken: 0 });
    const again = await open(result.data);
    expect(again.classes).toEqual(['ant', 'bee']);
    expect(await contents(again)).toEqual(await contents(data));
  });

  it('keeps the bytes of jpg, png and webp, whatever they are called', async () => {
    const data = await classFolders();
    const again = await open((await packShards(data, { out })).data);
    for (let i = 0; i < data.length; i++)
      if (!data.name(i).endsWith('JPEG'))
        expect(sha256(await again.read(i)), data.name(i)).toBe(sha256(await data.read(i)));
    expect(again.name(3)).toMatch(/00000003-420|00000003-/);
  });

  it('keeps within the limits, and writes down what there is', async () => {
    const data = memoryDataset(
      await Promise.all([20, 60, 120].map((side) => noiseJpeg(side, side, side))),
      30,
    );
    const maxSize = 25_000;
    const result = await packShards(data, { out, maxSize, maxCount: 6 });
    const manifest = JSON.parse(await readFile(result.manifest, 'utf8')) as {
      shards: { file: string; bytes: number; samples: number; sha256: string }[];
    };
    expect(manifest).toMatchObject({ complete: true, numClasses: 7, length: 30, maxSize, maxCount: 6 });
    const found = await files();
    for (const { file, bytes, samples, sha256: digest } of manifest.shards) {
      expect(found[file]).toBe(digest);
      expect((await readFile(join(folder, 'shards', file))).length).toBe(bytes);
      expect(bytes).toBeLessThanOrEqual(maxSize);
      expect(samples).toBeLessThanOrEqual(6);
    }
    expect(Object.keys(found)).toEqual(
      ['train.manifest.json', ...manifest.shards.flatMap(({ file }) => [file, `${file}.index`])].sort(),
    );
    expect(manifest.shards.length).toBeGreaterThan(5);
    expect((await open(result.data)).length).toBe(30);
  });

  it('shuffles by the seed', async () => {
    const data = await classFolders();
    const orders = [];
    for (const shuffleSeed of [1, 1, 2]) {
      orders.push(await contents(await open((await packShards(data, { out, shuffleSeed })).data)));
      await rm(join(folder, 'shards'), { recursive: true });
    }
    expect(orders[0]).toEqual(orders[1]);
    expect(orders[0]).not.toEqual(orders[2]);
    expect([...orders[0]!].sort()).toEqual([...(await contents(data))].sort());
  });

  it('shortens the short side, and leaves smaller pictures as they are', async () => {
    const data = memoryDataset([
      await noiseJpeg(90, 60, 1),
      await noiseJpeg(33, 50, 2),
      await noiseJpeg(20, 90, 3),
    ]);
    const again = await open((await packShards(data, { out, resize: 30, quality: 80 })).data);
    const sizes = (await contents(again)).map((line) => line.split(' ')[2]);
    expect(sizes).toEqual(['45x30', '30x45', '20x90']);
    expect(sha256(await again.read(2))).toBe(sha256(await data.read(2)));
  });
});

describe('packing that was interrupted', () => {
  it.each([0, 4, 9, 13])('goes on after %i samples, to the same bytes', async (at) => {
    const data = memoryDataset(
      await Promise.all([30, 40, 50].map((side) => noiseJpeg(side, side, side))),
      14,
    );
    const options = { out, maxCount: 4, shuffleSeed: 3 };
    await packShards(data, options);
    const whole = await files();
    await rm(join(folder, 'shards'), { recursive: true });

    const stop = new AbortController();
    const stopped = packShards(data, options, {
      signal: stop.signal,
      onProgress: (samples) => samples >= at && stop.abort(new Error('stopped')),
    });
    await expect(stopped).rejects.toThrow('stopped');
    // No shard under its name that is not whole, and nothing else.
    for (const [name, digest] of Object.entries(await files()))
      if (name.endsWith('.tar')) expect(whole[name]).toBe(digest);
    const result = await packShards(data, options);
    expect(result.samples).toBe(14);
    expect(result.kept).toBe(Math.floor(Math.max(0, at - 1) / 4));
    expect(await files()).toEqual(whole);
    expect((await packShards(data, options)).kept).toBe(4);
  });

  it('goes on where a shard got its name and was not written down', async () => {
    const data = memoryDataset([await noiseJpeg(30, 30, 1)], 9);
    await packShards(data, { out, maxCount: 4 });
    const whole = await files();
    const file = join(folder, 'shards/train.manifest.json');
    const manifest = JSON.parse(await readFile(file, 'utf8')) as { shards: object[]; complete: boolean };
    await writeFile(
      file,
      JSON.stringify({ ...manifest, shards: manifest.shards.slice(0, 1), complete: false }),
    );
    await rm(join(folder, 'shards/train-000002.tar'));
    expect((await packShards(data, { out, maxCount: 4 })).kept).toBe(1);
    expect(await files()).toEqual(whole);
  });

  it('makes a shard anew that was damaged, and all after it', async () => {
    const data = memoryDataset([await noiseJpeg(30, 30, 1)], 12);
    await packShards(data, { out, maxCount: 4 });
    const whole = await files();
    await truncate(join(folder, 'shards/train-000001.tar'), 600);
    expect((await packShards(data, { out, maxCount: 4 })).kept).toBe(1);
    expect(await files()).toEqual(whole);
  });
});

describe('packing into a folder with something in it', () => {
  const one = async (): Promise<Dataset> => memoryDataset([await noiseJpeg(30, 30, 1)], 4);

  it.each([
    [{ maxCount: 3 }, /maxCount 2, not 3: choose another --out/],
    [{ maxCount: 2, shuffleSeed: 0 }, /shuffleSeed none, not 0/],
    [{ maxCount: 2, resize: 8 }, /resize none, not 8/],
  ])('refuses shards made with other settings', async (options, message) => {
    await packShards(await one(), { out, maxCount: 2 });
    await expect(packShards(await one(), { out, ...options })).rejects.toThrow(message);
  });

  it('refuses shards of other samples', async () => {
    await packShards(await one(), { out });
    const other = memoryDataset([await noiseJpeg(30, 30, 1)], 5);
    await expect(packShards(other, { out })).rejects.toThrow(/other samples \(of memory, 4 images\)/);
  });

  it('refuses shards without a manifest, and foreign ones', async () => {
    await packShards(await one(), { out, maxCount: 2 });
    const at = join(folder, 'shards');
    await copyFile(join(at, 'train-000000.tar'), join(at, 'train-000007.tar'));
    await expect(packShards(await one(), { out, maxCount: 2 })).rejects.toThrow(
      /train-000007\.tar is none of the shards/,
    );
    await rm(join(at, 'train-000007.tar'));
    await rename(join(at, 'train.manifest.json'), join(at, 'other.json'));
    await expect(packShards(await one(), { out, maxCount: 2 })).rejects.toThrow(
      /train-00000\d\.tar is there already, without/,
    );
  });

  it('refuses a manifest that is none', async () => {
    await mkdir(join(folder, 'shards'));
    await writeFile(join(folder, 'shards/train.manifest.json'), '{"version": 7}');
    await expect(packShards(await one(), { out })).rejects.toThrow(
      /train\.manifest\.json is no manifest of shards/,
    );
  });

  it('refuses other classes', async () => {
    await packShards({ ...(await one()), classes: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] }, { out });
    const val = { out: out.replace('train', 'val') };
    await expect(
      packShards({ ...(await one()), classes: ['z', 'b', 'c', 'd', 'e', 'f', 'g'] }, val),
    ).rejects.toThrow(/classes\.txt names other classes/);
  });
});

describe('broken samples in packing', () => {
  const some = async (): Promise<Dataset> => {
    const good = await noiseJpeg(30, 30, 1);
    return memoryDataset([good, Buffer.alloc(0), good, Buffer.from('not an image'), good]);
  };

  it('end it', async () => {
    await expect(packShards(await some(), { out })).rejects.toThrow(
      /^memory\/1\.jpg \(0 bytes\) is not an image/,
    );
    expect(Object.keys(await files())).toEqual(['train.manifest.json']);
  });

  it('are left out on request, and written down', async () => {
    const left: string[] = [];
    const result = await packShards(
      await some(),
      { out, onError: 'skip', maxCount: 2 },
      { onBroken: ({ name }) => left.push(name) },
    );
    expect(left).toEqual(['memory/1.jpg', 'memory/3.jpg']);
    expect(result).toMatchObject({ samples: 3, broken: 2, shards: 2 });
    const again = await open(result.data);
    expect(Array.from({ length: 3 }, (_, i) => again.label(i))).toEqual([0, 2, 4]);
  });

  it('are not forgotten by a later call, nor by one that left none out', async () => {
    await expect(packShards(await some(), { out, maxCount: 1 })).rejects.toThrow(/memory\/1\.jpg/);
    expect(await packShards(await some(), { out, maxCount: 1, onError: 'skip' })).toMatchObject({
      kept: 0,
      broken: 2,
    });
    expect(await packShards(await some(), { out, maxCount: 1, onError: 'skip' })).toMatchObject({
      kept: 3,
      broken: 2,
    });
    await expect(packShards(await some(), { out, maxCount: 1 })).rejects.toThrow(
      /2 samples were left out of these shards, memory\/1\.jpg first: use --on-error skip again/,
    );
  });

  it('are an error when nothing is left', async () => {
    const none = memoryDataset([Buffer.alloc(0)], 3);
    await expect(packShards(none, { out, onError: 'skip' })).rejects.toThrow(/no sample can be read/);
  });
});

describe('names of shards', () => {
  it.each([
    'train.tar',
    'train-{000000..000010}.tar',
    'train-{0..}.zip',
    '{000..}/train.tar',
    '{00..}-{00..}.tar',
  ])('refuses %s', (pattern) => {
    expect(() => new ShardNames(pattern)).toThrow(/--out .*: expected a file name with the place/);
  });

  it('counts from the first number on', () => {
    const names = new ShardNames('x/train-{0005..}.tar');
    expect(names.file(3)).toBe('train-0008.tar');
    expect(names.shardOf('train-0008.tar')).toBe(3);
    for (const other of ['train-0004.tar', 'train-08.tar', 'train-.tar', 'val-0008.tar'])
      expect(names.shardOf(other)).toBeUndefined();
    expect(names.pattern(4)).toBe(join('x', 'train-{0005..0008}.tar'));
  });
});
