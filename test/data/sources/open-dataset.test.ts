import { chmod, mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../../src/data/dataset.js';
import { openDataset } from '../../../src/data/sources/open-dataset.js';
import { tarBytes, temporaryFolders, writeTar } from '../helpers/shards.js';
import { asOrdinaryUser } from '../../helpers/ordinary-user.js';

const folder = temporaryFolders();

async function write(root: string, files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.join(root, path.dirname(name)), { recursive: true });
    await writeFile(path.join(root, name), content);
  }
}

/** `name:label:content` of every sample, names relative to the root. */
async function contents(dataset: Dataset, root: string): Promise<string[]> {
  return Promise.all(
    Array.from({ length: dataset.length }, async (_, i) => {
      const name = path.relative(root, dataset.name(i)).replaceAll('\\', '/');
      return `${name}:${dataset.label(i)}:${Buffer.from(await dataset.read(i)).toString()}`;
    }),
  );
}

describe('class folders', () => {
  it('number the classes by the code points of their names and find pictures in every spelling, at any depth', async () => {
    const root = await folder();
    await write(root, {
      'b/2.JPEG': 'b2',
      'b/1.jpg': 'b1',
      'b/notes.txt': '',
      'b/.hidden.png': '',
      'B/x.png': 'B',
      'a/deep/er/y.webp': 'a',
      '.cache/z.jpg': '',
      'README.md': '',
    });
    const dataset = await openDataset(root);
    expect(dataset.classes).toEqual(['B', 'a', 'b']);
    expect([dataset.numClasses, dataset.length, dataset.split]).toEqual([3, 4, undefined]);
    expect(await contents(dataset, root)).toEqual([
      'B/x.png:0:B',
      'a/deep/er/y.webp:1:a',
      'b/1.jpg:2:b1',
      'b/2.JPEG:2:b2',
    ]);
  });

  it('follow symbolic links', async () => {
    const root = await folder();
    const elsewhere = await folder();
    await write(elsewhere, { 'real/1.jpg': '1' });
    await symlink(path.join(elsewhere, 'real'), path.join(root, 'cat'), 'dir');
    expect(await contents(await openDataset(root), root)).toEqual(['cat/1.jpg:0:1']);
  });

  it('choose the split', async () => {
    const root = await folder();
    await write(root, { 'train/a/1.jpg': 't', 'val/a/1.jpg': 'v', 'train/b/1.jpg': 't', 'val/b/1.jpg': 'v' });
    const val = await openDataset(root, { split: 'val' });
    expect([val.split, val.length, val.name(0)]).toEqual(['val', 2, path.join(root, 'val', 'a', '1.jpg')]);
    expect((await openDataset(root, { split: 'train' })).name(1)).toBe(
      path.join(root, 'train', 'b', '1.jpg'),
    );
    await expect(openDataset(root)).rejects.toThrow(
      `${root} has the splits train and val: name the one to use`,
    );
  });

  it('a class may be called as a split is', async () => {
    const root = await folder();
    await write(root, { 'train/1.jpg': 't', 'bus/1.jpg': 'b' });
    expect((await openDataset(root, { split: 'val' })).classes).toEqual(['bus', 'train']);
  });

  it('name what is wrong', async () => {
    const root = await folder();
    await expect(openDataset(root)).rejects.toThrow(`${root} is empty: expected class folders`);
    await write(root, { '1.jpg': '' });
    await expect(openDataset(root)).rejects.toThrow(`${root} holds 1 pictures and no labels`);
    await write(root, { 'cat/1.jpg': '', 'dog/readme.txt': '' });
    await expect(openDataset(root)).rejects.toThrow(
      `class folder ${path.join(root, 'dog')} holds no picture`,
    );
    await write(root, { 'dog/1.jpg': '' });
    await expect(openDataset(root, { numClasses: 10 })).rejects.toThrow(
      `${root} has 2 classes, the model has 10`,
    );
    await expect(openDataset(path.join(root, 'nowhere'))).rejects.toThrow(
      'nowhere does not exist: expected a folder',
    );
    await expect(openDataset(path.join(root, '1.jpg'))).rejects.toThrow('1.jpg is a file: expected a folder');
    await expect(openDataset(' ')).rejects.toThrow('the data source is empty');
    await write(root, { 'train/a/1.jpg': '' });
    await expect(openDataset(path.join(root, 'train'), { split: 'val' })).resolves.toMatchObject({
      split: undefined,
    });
  });

  it('say which split is missing', async () => {
    const root = await folder();
    await write(root, { 'train/a/1.jpg': '' });
    await expect(openDataset(root, { split: 'val' })).rejects.toThrow(
      /has no val split: found train; expected val or/,
    );
  });

  it.skipIf(process.platform === 'win32')('name a folder that may not be read', async () => {
    const root = await folder();
    await chmod(root, 0o755);
    await write(root, { 'cat/1.jpg': '' });
    await chmod(path.join(root, 'cat'), 0);
    await asOrdinaryUser(async () => {
      await expect(openDataset(root)).rejects.toThrow(
        `cannot read ${path.join(root, 'cat')}: permission denied (EACCES).`,
      );
    });
    await chmod(path.join(root, 'cat'), 0o700);
  });

  it('name a file that has gone, and a link that leads nowhere', async () => {
    const root = await folder();
    await write(root, { 'cat/1.jpg': '' });
    await symlink(path.join(root, 'gone'), path.join(root, 'cat', '2.jpg'));
    await expect(openDataset(root)).rejects.toThrow(
      `${path.join(root, 'cat', '2.jpg')} is a symbolic link that leads nowhere: mend or remove it.`,
    );
    await rm(path.join(root, 'cat', '2.jpg'));
    await write(root, { 'cat/2.jpg': '' });
    const dataset = await openDataset(root);
    await rm(path.join(root, 'cat', '2.jpg'));
    await expect(dataset.read(1)).rejects.toThrow(
      `cannot read ${path.join(root, 'cat', '2.jpg')}: it does not exist (ENOENT).`,
    );
  });

  it('tell of pictures that lie beside the class folders', async () => {
    const root = await folder();
    await write(root, { 'cat/1.jpg': '', 'dog/1.jpg': '', 'a.jpg': '', 'b.png': '', 'readme.txt': '' });
    const notices: string[] = [];
    expect((await openDataset(root, { notice: (line) => notices.push(line) })).length).toBe(2);
    expect(notices).toEqual([
      `${root}: 2 pictures beside the class folders belong to no class and are passed over: a.jpg, b.png.`,
    ]);
  });
});

describe('shards', () => {
  const samples = {
    'a/1.jpg': 'one',
    'a/1.cls': '1\n',
    '2.x.png': 'no picture of this key',
    '2.PNG': 'two',
    '2.json': '{"label": 0}',
  };

  it('pair pictures and labels by key and read them in any order', async () => {
    const root = await folder();
    const file = await writeTar(root, 's.tar', { ...samples, 'shard.json': '{}', '._2.png': 'mac' });
    const dataset = await openDataset(file);
    expect([dataset.length, dataset.numClasses, dataset.classes]).toEqual([2, 2, undefined]);
    expect(await contents(dataset, root)).toEqual(['s.tar!a/1:1:one', 's.tar!2:0:two']);
    expect(Buffer.from(await dataset.read(1)).toString()).toBe('two');
  });

  it('read compressed shards too', async () => {
    const root = await folder();
    await writeFile(path.join(root, 's.tar.gz'), gzipSync(await tarBytes(samples)));
    expect(await contents(await openDataset(root), root)).toEqual(['s.tar.gz!a/1:1:one', 's.tar.gz!2:0:two']);
    await truncate(path.join(root, 's.tar.gz'), 60);
    await expect(openDataset(root)).rejects.toThrow(
      /s\.tar\.gz is damaged or truncated: .* \(gzip, 60 bytes\)/,
    );
  });

  it('open folders, globs and braces, in order, with the split and the class names beside them', async () => {
    const root = await folder();
    for (const [name, key] of [
      ['train-000001', 'c'],
      ['train-000000', 'b'],
      ['val-000000', 'v'],
    ] as const)
      await writeTar(root, `${name}.tar`, { [`${key}.jpg`]: key, [`${key}.cls`]: '1' });
    await writeFile(path.join(root, 'classes.txt'), 'cat\r\ndog\n');
    const train = ['train-000000.tar!b:1:b', 'train-000001.tar!c:1:c'];
    for (const [spec, split] of [
      [root, 'train'],
      [path.join(root, 'train-*.tar'), undefined],
      [path.join(root, 'train-{000000..000001}.tar'), 'train'],
    ] as const) {
      const dataset = await openDataset(spec, { split });
      expect(await contents(dataset, root)).toEqual(train);
      expect(dataset.classes).toEqual(['cat', 'dog']);
      // What is named is taken whole, whatever it is called: nobody knows of the rest.
      expect(dataset.split).toBe(spec === root ? 'train' : undefined);
    }
    expect(await contents(await openDataset(root, { split: 'val' }), root)).toEqual(['val-000000.tar!v:1:v']);
    await expect(openDataset(root)).rejects.toThrow('has the splits train and val');
    await expect(openDataset(path.join(root, 'test-*.tar'))).rejects.toThrow('no file matches this pattern');
    await expect(openDataset(root, { split: 'val', numClasses: 3 })).rejects.toThrow(
      'has 2 classes, the model has 3',
    );
  });

  it.each([
    [
      'a label that is not a number',
      { '1.jpg': '', '1.cls': 'cat' },
      'expected a whole number from 0 on as label, found "cat"',
    ],
    ['a negative label', { '1.jpg': '', '1.cls': '-1' }, 'found "-1"'],
    ['a fraction', { '1.jpg': '', '1.json': '{"label": 1.5}' }, 'found "1.5"'],
    ['an empty label', { '1.jpg': '', '1.cls': '' }, 'found ""'],
    [
      'a label out of range',
      { '1.jpg': '', '1.cls': '3' },
      'label 3 is out of range, expected 0 to 2 (3 classes)',
    ],
    [
      'no label',
      { '1.jpg': '', '2.jpg': '', '2.cls': '0' },
      'bad.tar!1 has no label: expected 1.cls or .json',
    ],
    ['JSON without a label', { '1.jpg': '', '1.json': '{"id": 3}' }, 'its .json has no number named "label"'],
    ['JSON of null', { '1.jpg': '', '1.json': 'null' }, 'its .json'],
    ['JSON that is none', { '1.jpg': '', '1.json': '{' }, 'its .json is not JSON'],
    ['no picture', { '1.cls': '0' }, 'bad.tar!1 has a label and no picture'],
    ['two pictures', { '1.jpg': '', '1.png': '', '1.cls': '0' }, 'the key has two pictures'],
    ['nothing', { 'readme.txt': 'hello' }, 'bad.tar holds no samples'],
  ])('name the sample with %s', async (_, files, message) => {
    const root = await folder();
    const file = await writeTar(root, 'bad.tar', files as Record<string, string>);
    await expect(openDataset(file, { numClasses: 3 })).rejects.toThrow(message);
    await expect(openDataset(file, { numClasses: 3 })).rejects.toThrow(file);
  });

  it('refuse a key that comes twice', async () => {
    const root = await folder();
    const file = await writeTar(root, 'bad.tar', [
      ['1.jpg', 'a'],
      ['1.cls', '0'],
      ['1.jpg', 'b'],
      ['1.cls', '1'],
    ]);
    await expect(openDataset(file)).rejects.toThrow(
      'bad.tar!1: the key has two pictures; keys must be unique in a shard',
    );
  });

  it('name a truncated shard, when it is opened and when it shrinks later', async () => {
    const root = await folder();
    const file = await writeTar(root, 's.tar', { '1.jpg': 'x'.repeat(5000), '1.cls': '0' });
    const dataset = await openDataset(file);
    await truncate(file, 3000);
    await expect(dataset.read(0)).rejects.toThrow(
      `${file} is truncated: expected 5000 bytes at byte 512, the file has 3000.`,
    );
    await expect(openDataset(file)).rejects.toThrow(`${file} is truncated`);
    await writeFile(file, '');
    await expect(openDataset(file)).rejects.toThrow(`${file} is not a tar: it has 0 bytes`);
  });

  it('refuse a list of class names with a gap', async () => {
    const root = await folder();
    await writeTar(root, 's.tar', { '1.jpg': '', '1.cls': '0' });
    await writeFile(path.join(root, 'classes.txt'), 'cat\n\ndog\n');
    await expect(openDataset(root)).rejects.toThrow('classes.txt: line 2 is blank');
  });
});

it('leaves the files as they are', async () => {
  const root = await folder();
  const file = await writeTar(root, 's.tar', { '1.jpg': 'x', '1.cls': '0' });
  const before = await readFile(file);
  await (await openDataset(file)).read(0);
  expect((await readFile(file)).equals(before)).toBe(true);
});
