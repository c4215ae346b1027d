import path from 'node:path';
import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../../src/data/sources/open-dataset.js';
import { contents, writeFiles } from '../helpers/samples.js';
import { temporaryFolders, writeTar } from '../helpers/shards.js';

const folder = temporaryFolders();

describe('class folders in a tar', () => {
  it('are classes below the folders that all pictures share; dots in names are no labels', async () => {
    const root = await folder();
    const file = await writeTar(root, 'photos.tar', {
      './photos/dog/a.b.jpg': 'd',
      './photos/cat/1.jpg': 'c',
      './photos/cat/1.png': 'p',
      './photos/cat/deep/2.webp': 'w',
      './photos/cat/._1.jpg': 'mac',
      './photos/README.md': '',
    });
    const dataset = await openDataset(file);
    expect(dataset.classes).toEqual(['cat', 'dog']);
    expect(await contents(dataset, root)).toEqual([
      'photos.tar!photos/dog/a.b.jpg:1:d',
      'photos.tar!photos/cat/1.jpg:0:c',
      'photos.tar!photos/cat/1.png:0:p',
      'photos.tar!photos/cat/deep/2.webp:0:w',
    ]);
  });

  it('choose the split', async () => {
    const root = await folder();
    const file = await writeTar(root, 'all.tar', {
      'x/train/cat/1.jpg': 't',
      'x/train/dog/1.jpg': 'u',
      'x/val/dog/2.jpg': 'v',
      'x/val/cat/2.jpg': 'w',
    });
    const val = await openDataset(file, { split: 'val' });
    expect(await contents(val, root)).toEqual(['all.tar!x/val/dog/2.jpg:1:v', 'all.tar!x/val/cat/2.jpg:0:w']);
    expect([val.split, (await openDataset(file, { split: 'train' })).length]).toEqual(['val', 2]);
    await expect(openDataset(file)).rejects.toThrow('has several splits inside');
  });

  it('may be spread over several tars', async () => {
    const root = await folder();
    await writeTar(root, 'a-0.tar', { 'dog/1.jpg': 'd' });
    await writeTar(root, 'a-1.tar', { 'cat/1.jpg': 'c', 'dog/2.jpg': 'e' });
    expect(await contents(await openDataset(root), root)).toEqual([
      'a-0.tar!dog/1.jpg:1:d',
      'a-1.tar!cat/1.jpg:0:c',
      'a-1.tar!dog/2.jpg:1:e',
    ]);
  });

  it('refuse a picture that is there twice, and shards with labels among them', async () => {
    const root = await folder();
    await writeTar(root, 'a.tar', [
      ['cat/1.jpg', 'x'],
      ['cat/1.jpg', 'y'],
    ]);
    await expect(openDataset(path.join(root, 'a.tar'))).rejects.toThrow('a.tar!cat/1.jpg is there twice');
    await writeTar(root, 'a.tar', { 'cat/1.jpg': 'x' });
    await writeTar(root, 'b.tar', { '1.jpg': 'x', '1.cls': '0' });
    await expect(openDataset(root)).rejects.toThrow(
      /b\.tar has labels beside its pictures, .*a\.tar has none: expected the same in all/,
    );
  });
});

describe('labels beside pictures in a tar', () => {
  it('may be numbers in .txt', async () => {
    const root = await folder();
    const file = await writeTar(root, 's.tar', { '1.webp': 'w', '1.txt': ' 3\n', '1.json': '{"width": 3}' });
    expect(await contents(await openDataset(file), root)).toEqual(['s.tar!1:3:w']);
  });

  it('are not asked when the user says that folders are the classes', async () => {
    const root = await folder();
    const file = await writeTar(root, 's.tar', {
      'cat/1.jpg': 'c',
      'cat/1.txt': 'a cat on a mat',
      'dog/1.jpg': 'd',
    });
    await expect(openDataset(file)).rejects.toThrow('found "a cat on a mat"');
    expect((await openDataset(`folders:${file}`)).classes).toEqual(['cat', 'dog']);
    await expect(openDataset(`webdataset:${file}`)).rejects.toThrow('found "a cat on a mat"');
  });

  it('come from a list beside a tar of pictures alone', async () => {
    const root = await folder();
    const file = await writeTar(root, 'val.tar', { 'b.jpg': 'b', 'a.jpg': 'a' });
    await writeFile(path.join(root, 'val.txt'), 'a.jpg 4\nb.jpg 2\n');
    expect(await contents(await openDataset(file), root)).toEqual(['val.tar!b.jpg:2:b', 'val.tar!a.jpg:4:a']);
    // Without paths, in the order of the names.
    await writeFile(path.join(root, 'val.txt'), '4\n2\n');
    expect(await contents(await openDataset(file), root)).toEqual(['val.tar!b.jpg:2:b', 'val.tar!a.jpg:4:a']);
    await expect(openDataset(file, { numClasses: 4 })).rejects.toThrow(
      'val.txt: a.jpg: label 4 is out of range',
    );
  });
});

describe('a broken shard', () => {
  it('is left out with a report, or ends it', async () => {
    const root = await folder();
    const good = await writeTar(root, 's-0.tar', { '1.jpg': 'a', '1.cls': '0' });
    const bad = path.join(root, 's-1.tar');
    await writeFile(bad, 'this is no tar'.repeat(100));
    await expect(openDataset(root)).rejects.toThrow(`${bad} is not a tar`);
    const lines: string[] = [];
    const dataset = await openDataset(root, { onBroken: 'skip', notice: (line) => lines.push(line) });
    expect([dataset.length, dataset.name(0)]).toEqual([1, `${good}!1`]);
    expect(lines).toEqual([expect.stringContaining(`left out: ${bad} is not a tar`)]);
    await writeFiles(root, { 's-0.tar': '' });
    await expect(openDataset(root, { onBroken: 'skip' })).rejects.toThrow('all of its 2 shards are broken');
  });
});
