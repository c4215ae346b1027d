import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../../src/data/sources/open-dataset.js';
import { asOrdinaryUser } from '../../helpers/ordinary-user.js';
import { contents, writeFiles } from '../helpers/samples.js';
import { temporaryFolders } from '../helpers/shards.js';

const folder = temporaryFolders();
const pictures = { 'val/b.jpg': 'b', 'val/a.JPEG': 'a' };

describe('a flat folder and a list of labels', () => {
  it.each([
    ['paths in the folder', 'val/labels.txt', 'b.jpg 1\na.JPEG 0\n'],
    ['paths from above', 'val.txt', 'val/b.jpg 1\r\nval/a.JPEG 0\r\n'],
    ['paths from further above', 'labels.txt', './val/b.jpg,1\n./val/a.JPEG,0\n'],
    ['labels alone, by the order of the names', 'val/labels.txt', '0\n1'],
  ])('with %s', async (_, name, text) => {
    const root = await folder();
    await writeFiles(root, { ...pictures, [name]: text });
    const dataset = await openDataset(path.join(root, 'val'));
    expect(await contents(dataset, root)).toEqual(['val/a.JPEG:0:a', 'val/b.jpg:1:b']);
    expect([dataset.numClasses, dataset.classes]).toEqual([2, undefined]);
  });

  it('is found as a split beside class folders of another', async () => {
    const root = await folder();
    await writeFiles(root, {
      ...pictures,
      'val.txt': '1\n0\n',
      'train/cat/1.jpg': '',
      'train/dog/1.jpg': '',
    });
    const dataset = await openDataset(root, { split: 'val', numClasses: 2 });
    expect([dataset.split, dataset.label(0), dataset.label(1)]).toEqual(['val', 1, 0]);
  });

  it('takes synsets as labels', async () => {
    const root = await folder();
    await writeFiles(root, { ...pictures, 'val/labels.txt': 'a.JPEG n01443537\nb.jpg n15075141\n' });
    const dataset = await openDataset(path.join(root, 'val'), { numClasses: 1000 });
    expect([dataset.label(0), dataset.label(1)]).toEqual([1, 999]);
  });

  it.each([
    [
      'no list',
      undefined,
      'holds 2 pictures and no labels: expected class folders, or labels.txt or val.txt',
    ],
    ['an empty list', '', 'labels.txt is empty'],
    [
      'a label that is not a number',
      '1\ncat\n',
      'labels.txt: line 2: expected a whole number from 0 on as label, found "cat"',
    ],
    ['mixed conventions', 'n01443537\n7\n', 'line 2: expected a synset of ImageNet as on line 1, found "7"'],
    ['paths on some lines only', 'a.JPEG 0\n1\n', 'line 2: "1", expected a path and a label as on line 1'],
    ['a path twice', 'a.JPEG 0\na.JPEG 0\n', 'line 2: a.JPEG is there already, on line 1'],
    ['too few lines', '0\n', 'has 1 lines, a label each, for 2 pictures'],
    [
      'a picture missing in it',
      'a.JPEG 0\nc.jpg 1\n',
      'labels.txt has no label for val/b.jpg: 2 paths in it, as a.JPEG',
    ],
    ['a blank line', '0\n\n1\n', 'line 2 is blank'],
    ['a label out of range', '0\n5\n', 'label 5 is out of range, expected 0 to 1 (2 classes)'],
  ])('is refused with %s', async (_, text, message) => {
    const root = await folder();
    await writeFiles(root, { ...pictures, ...(text !== undefined && { 'val/labels.txt': text }) });
    await expect(openDataset(path.join(root, 'val'), { numClasses: 2 })).rejects.toThrow(message);
  });

  it.skipIf(process.platform === 'win32')('names a list that may not be read', async () => {
    const root = await folder();
    await chmod(root, 0o755);
    await writeFiles(root, { ...pictures, 'val/labels.txt': '0\n1\n' });
    await chmod(path.join(root, 'val/labels.txt'), 0);
    await asOrdinaryUser(async () => {
      await expect(openDataset(path.join(root, 'val'))).rejects.toThrow(
        `cannot read ${path.join(root, 'val', 'labels.txt')}: permission denied (EACCES).`,
      );
    });
  });
});

describe('a CSV', () => {
  it('with a header, names as labels, and a column of splits', async () => {
    const root = await folder();
    await writeFiles(root, {
      ...pictures,
      'data.csv':
        'id,filename,class_name,split\n1,val/b.jpg,"dog, big",test\n2,val/a.JPEG,cat,validation\n3,x.jpg,cow,train\n',
    });
    const dataset = await openDataset(path.join(root, 'data.csv'), { split: 'val' });
    expect(await contents(dataset, root)).toEqual(['val/b.jpg:1:b', 'val/a.JPEG:0:a']);
    expect([dataset.classes, dataset.split]).toEqual([['cat', 'dog, big'], 'val']);
  });

  it('without a header, found in its folder', async () => {
    const root = await folder();
    await writeFiles(root, { 'b.jpg': 'b', 'a.jpg': 'a', 'list.csv': '\uFEFFb.jpg,1\r\na.jpg,0\r\n' });
    expect(await contents(await openDataset(root), root)).toEqual(['b.jpg:1:b', 'a.jpg:0:a']);
  });

  it('with names of the classes beside it', async () => {
    const root = await folder();
    await writeFiles(root, {
      ...pictures,
      'list.csv': 'path,label\nval/b.jpg,dog\nval/a.JPEG,cat\n',
      'classes.txt': 'dog\ncow\ncat\n',
    });
    const dataset = await openDataset(path.join(root, 'list.csv'), { numClasses: 3 });
    expect([dataset.label(0), dataset.label(1), dataset.classes]).toEqual([0, 2, ['dog', 'cow', 'cat']]);
    await writeFiles(root, { 'list.csv': 'path,label\nval/b.jpg,dog\nval/a.JPEG,hen\n' });
    await expect(openDataset(path.join(root, 'list.csv'))).rejects.toThrow(
      'line 3: classes.txt has no class "hen"',
    );
  });

  it.each([
    ['nothing in it', '', 'is empty'],
    ['a header alone', 'path,label\n', 'has a header and no pictures'],
    [
      'no known columns',
      'a,b,c\nval/a.JPEG,0,1\n',
      'expected the columns path and label with a comma between them, found a, b, c',
    ],
    [
      'labels of both kinds',
      'path,label\nval/a.JPEG,0\nval/b.jpg,cat\n',
      'line 3: label "cat", expected a number as on line 2 ("0")',
    ],
    ['a fraction', 'val/a.JPEG,0.5\n', 'line 1: expected a whole number from 0 on as label, found "0.5"'],
    ['a path twice', 'val/a.JPEG,0\nval/a.JPEG,1\n', 'line 2: val/a.JPEG is there already, on line 1'],
    ['a path missing', 'path,label\n,0\n', 'line 2 has no path'],
    ['a field missing', 'path,label\nval/a.JPEG\n', 'expected 2 fields on line 2 as on the first, found 1'],
    ['a text in UTF-16', Buffer.from('\ufeffpath,label\nval/a.JPEG,0\n', 'utf16le'), 'Save it as UTF-8'],
    ['a quote that does not end', 'val/a.JPEG,"0\n', 'is no CSV'],
    ['pictures elsewhere', 'a.JPEG,0\n', 'its first picture: cannot read'],
  ])('is refused with %s', async (_, text, message) => {
    const root = await folder();
    await writeFiles(root, { ...pictures, 'list.csv': text });
    await expect(openDataset(path.join(root, 'list.csv'))).rejects.toThrow(message);
  });
});

describe('iNaturalist', () => {
  const list = {
    info: { year: 2018 },
    images: [
      { id: 7, file_name: 'train_val2018/Aves/9/a.jpg', width: 800 },
      { id: 3, file_name: 'train_val2018/Plantae/4/b.jpg', width: 800 },
    ],
    annotations: [
      { id: 1, image_id: 3, category_id: 4 },
      { id: 2, image_id: 7, category_id: 9 },
    ],
    categories: [
      { id: 9, name: 'Parus major', supercategory: 'Aves' },
      { id: 4, name: 'Bellis perennis', supercategory: 'Plantae' },
      { id: 5, name: 'Quercus robur', supercategory: 'Plantae' },
    ],
  };
  const files = { 'train_val2018/Aves/9/a.jpg': 'a', 'train_val2018/Plantae/4/b.jpg': 'b' };

  it('is read from its json, by itself or in its folder', async () => {
    const root = await folder();
    await writeFiles(root, { ...files, 'train2018.json': JSON.stringify(list), 'val2018.json': '{}' });
    const dataset = await openDataset(root, { split: 'train' });
    expect(await contents(dataset, root)).toEqual([
      'train_val2018/Aves/9/a.jpg:2:a',
      'train_val2018/Plantae/4/b.jpg:0:b',
    ]);
    expect(dataset.classes).toEqual(['Bellis perennis', 'Quercus robur', 'Parus major']);
    expect((await openDataset(path.join(root, 'train2018.json'))).length).toBe(2);
    await expect(openDataset(root, { split: 'val' })).rejects.toThrow(/val2018\.json: images: /);
  });

  it.each([
    [
      'a picture without a category',
      { annotations: list.annotations.slice(1) },
      'image 3 (train_val2018/Plantae/4/b.jpg) has no category',
    ],
    [
      'two categories',
      { annotations: [...list.annotations, { image_id: 3, category_id: 9 }] },
      'image 3 is of two categories, 4 and 9',
    ],
    [
      'an unknown category',
      { annotations: [{ image_id: 3, category_id: 77 }] },
      'of category 77, which is not among its 3',
    ],
    ['a picture twice', { images: [...list.images, list.images[0]] }, 'lists image 7 twice'],
    ['no pictures', { images: [] }, 'lists no pictures'],
  ])('is refused with %s', async (_, change, message) => {
    const root = await folder();
    await writeFiles(root, files);
    await writeFile(path.join(root, 'train2018.json'), JSON.stringify({ ...list, ...change }));
    await expect(openDataset(path.join(root, 'train2018.json'))).rejects.toThrow(message);
  });
});
