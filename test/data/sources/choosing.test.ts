import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/errors.js';
import { openDataset } from '../../../src/data/sources/open-dataset.js';
import { writeFiles } from '../helpers/samples.js';
import { tarBytes, temporaryFolders } from '../helpers/shards.js';
import { example, tfRecords } from '../helpers/tfrecords.js';

const folder = temporaryFolders();

describe('several data sets in a folder', () => {
  it('are told apart by a word before it', async () => {
    const root = await folder();
    await writeFiles(root, {
      's.tar': await tarBytes({ '1.jpg': '', '1.cls': '4' }),
      'r.tfrecord': tfRecords([example({ image: 'x', label: 2 })]),
      'cat/1.jpg': '',
      'list.csv': 'cat/1.jpg,7\n',
    });
    const open = async (word: string): Promise<number> => (await openDataset(`${word}:${root}`)).numClasses;
    await expect(openDataset(root)).rejects.toThrow(
      new UsageError(
        `${root} holds several data sets (tfrecord, tar, folders): say which is meant, as in tfrecord:${root}`,
      ),
    );
    expect(await open('tar')).toBe(5);
    expect(await open('webdataset')).toBe(5);
    expect(await open('tfrecord')).toBe(3);
    expect(await open('folders')).toBe(1);
    expect(await open('csv')).toBe(8);
    await expect(open('parquet')).rejects.toThrow(`${root} holds no parquet files`);
    await expect(open('cifar')).rejects.toThrow('is not CIFAR as it is published');
    await expect(open('list')).rejects.toThrow('holds no pictures beside a list');
    await expect(openDataset(`folders:${path.join(root, 'r.tfrecord')}`)).rejects.toThrow(
      'leave "folders:" away',
    );
  });

  it('a list beside class folders is no data set of its own', async () => {
    const root = await folder();
    await writeFiles(root, { 'train/cat/1.jpg': '', 'val/cat/1.jpg': '', 'noisy.csv': 'a,b\n' });
    expect((await openDataset(root, { split: 'val' })).length).toBe(1);
  });

  it('several lists of one split must be told apart by name', async () => {
    const root = await folder();
    await writeFiles(root, { '1.jpg': '', 'a.csv': '1.jpg,0\n', 'b.csv': '1.jpg,1\n' });
    await expect(openDataset(root)).rejects.toThrow(
      `holds several lists (a.csv, b.csv): name the one that is meant, as in ${path.join(root, 'a.csv')}`,
    );
  });

  it('a pattern stands for files of one kind', async () => {
    const root = await folder();
    await writeFiles(root, { 'a.tar': '', 'a.parquet': '' });
    await expect(openDataset(path.join(root, 'a.*'))).rejects.toThrow('stands for files of several kinds');
  });
});
