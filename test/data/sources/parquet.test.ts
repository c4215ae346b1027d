import { cp, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../../src/data/sources/open-dataset.js';
import { temporaryFolders } from '../helpers/shards.js';

// Made by scripts/make-parquet-fixtures.py: row i has the picture "picture i " twenty times and the label i mod 3.
const FIXTURES = fileURLToPath(new URL('../../fixtures/data/', import.meta.url));
const folder = temporaryFolders();
const picture = (i: number): string => `picture ${i} `.repeat(20);
const text = async (bytes: Promise<Uint8Array>): Promise<string> => Buffer.from(await bytes).toString();

describe('parquet', () => {
  it('of the hub: any row of any file, the names of the classes from its metadata', async () => {
    const dataset = await openDataset(FIXTURES, { split: 'train', numClasses: 3 });
    expect([dataset.length, dataset.classes, dataset.split]).toEqual([17, ['cat', 'dog', 'bird'], 'train']);
    const order = [16, 0, 11, 4, 5, 12, 3];
    expect(await Promise.all(order.map((i) => text(dataset.read(i))))).toEqual(order.map(picture));
    expect(order.map((i) => dataset.label(i))).toEqual(order.map((i) => i % 3));
    expect(dataset.name(13)).toBe(path.join(FIXTURES, 'train-00001-of-00002.parquet#1'));
  });

  it.each(['paged.parquet', 'plain.parquet'])('%s: in order and out of order', async (file) => {
    const dataset = await openDataset(path.join(FIXTURES, file));
    const order = Array.from({ length: dataset.length }, (_, i) => i);
    for (const indices of [order, [...order].reverse()])
      for (const i of indices) expect(await text(dataset.read(i))).toBe(picture(i));
    expect(order.map((i) => dataset.label(i))).toEqual(order.map((i) => i % 3));
  });

  it('in the layout of a clone: a folder called data', async () => {
    const root = await folder();
    await cp(path.join(FIXTURES, 'train-00001-of-00002.parquet'), path.join(root, 'data', 'train-0.parquet'));
    await writeFile(path.join(root, 'README.md'), '# data');
    expect((await openDataset(root)).length).toBe(5);
  });

  it.each([
    ['a test split', 'test-00000-of-00001.parquet', 'row 0 has no label (-1): a test split cannot be scored'],
    [
      'other columns',
      'words.parquet',
      'expected one column of pictures (a struct with bytes) and one of labels (label), found text, number',
    ],
  ])('refuses %s', async (_, file, message) => {
    await expect(openDataset(path.join(FIXTURES, file))).rejects.toThrow(message);
  });

  it('refuses a model of other classes', async () => {
    const file = path.join(FIXTURES, 'train-00000-of-00002.parquet');
    await expect(openDataset(file, { numClasses: 2 })).rejects.toThrow('has 3 classes, the model has 2');
    const plain = path.join(FIXTURES, 'plain.parquet');
    await expect(openDataset(plain, { numClasses: 2 })).rejects.toThrow(
      'row 2: label 2 is out of range, expected 0 to 1',
    );
  });

  it('names a file that is cut, empty or damaged', async () => {
    const root = await folder();
    const file = path.join(root, 'a.parquet');
    const whole = await readFile(path.join(FIXTURES, 'train-00000-of-00002.parquet'));
    for (const length of [0, 11, 12, 1000, whole.length - 1]) {
      await writeFile(file, whole);
      await truncate(file, length);
      await expect(openDataset(file), String(length)).rejects.toThrow(
        length < 12
          ? `${file} is not a parquet file: it has ${length} bytes`
          : `${file} cannot be read as parquet`,
      );
    }
    await writeFile(file, whole);
    const dataset = await openDataset(file);
    await writeFile(file, Buffer.concat([Buffer.alloc(whole.length - 1000, 0xff), whole.subarray(-1000)]));
    await expect(dataset.read(0)).rejects.toThrow(file);
  });
});
