import { readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { IMAGENET_SYNSETS } from '../../../src/data/sources/imagenet-synsets.js';
import { openDataset } from '../../../src/data/sources/open-dataset.js';
import { maskedCrc } from '../../../src/data/sources/tfrecord-index.js';
import { contents, writeFiles } from '../helpers/samples.js';
import { temporaryFolders } from '../helpers/shards.js';
import { example, tfRecords } from '../helpers/tfrecords.js';

const folder = temporaryFolders();

const tfds = (text: string, label: number) => example({ image: text, label, file_name: `${text}.JPEG` });
const builder = (text: string, label: number, more = {}) =>
  example({
    'image/encoded': text,
    'image/class/label': label,
    'image/height': 3,
    'image/filename': `${text}.JPEG`,
    ...more,
  });

describe('TFRecord', () => {
  it('has the checks of the format', () => {
    // tensorflow/core/lib/hash/crc32c_test.cc: the CRC-32C of 32 zero bytes is 0x8a9136aa.
    const crc = 0x8a9136aa;
    expect(maskedCrc(Buffer.alloc(32))).toBe((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  });

  it('of TensorFlow Datasets: labels from 0, names of the classes beside', async () => {
    const root = await folder();
    await writeFiles(root, {
      'set-train.tfrecord-00000-of-00002': tfRecords([tfds('a', 2), tfds('b', 1)]),
      'set-train.tfrecord-00001-of-00002': tfRecords([tfds('c', 1)]),
      'set-test.tfrecord-00000-of-00001': tfRecords([tfds('v', 1)]),
      'label.labels.txt': 'cat\ndog\nhen\n',
      'dataset_info.json': '{}',
    });
    const dataset = await openDataset(root, { split: 'train', numClasses: 3 });
    expect(await contents(dataset, root)).toEqual([
      'set-train.tfrecord-00000-of-00002!a.JPEG:2:a',
      'set-train.tfrecord-00000-of-00002!b.JPEG:1:b',
      'set-train.tfrecord-00001-of-00002!c.JPEG:1:c',
    ]);
    expect(dataset.classes).toEqual(['cat', 'dog', 'hen']);
    expect((await openDataset(path.join(root, 'set-t*-*-of-00001'))).length).toBe(1);
  });

  it('of the classic builder: labels from 1, told by the synset', async () => {
    const root = await folder();
    const file = path.join(root, 'train-00000-of-00001');
    await writeFile(
      file,
      tfRecords([
        builder('tench', 1, { 'image/class/synset': 'n01440764' }),
        builder('goldfish', 2, { 'image/class/synset': 'n01443537' }),
      ]),
    );
    const dataset = await openDataset(file, { numClasses: 1000 });
    expect([dataset.label(0), dataset.label(1), dataset.classes]).toEqual([0, 1, IMAGENET_SYNSETS]);
  });

  it('of the classic builder without synsets: told by the labels, or by the user', async () => {
    const root = await folder();
    const file = path.join(root, 'data.tfrecord');
    const labelsOf = async (labels: number[], prefix = '', numClasses?: number): Promise<number[]> => {
      await writeFile(file, tfRecords(labels.map((label) => builder('x', label))));
      const dataset = await openDataset(prefix + file, { numClasses });
      return labels.map((_, i) => dataset.label(i));
    };
    expect(await labelsOf([0, 2])).toEqual([0, 2]);
    expect(await labelsOf([1, 3], '', 3)).toEqual([0, 2]);
    expect(await labelsOf([1, 2], 'tfrecord-1:', 3)).toEqual([0, 1]);
    expect(await labelsOf([1, 2], 'tfrecord-0:', 3)).toEqual([1, 2]);
    await expect(labelsOf([1, 2], '', 3)).rejects.toThrow(
      `labels go from 1 to 2, and nothing tells whether the first class is 0 or 1: write tfrecord-0:${file} or tfrecord-1:${file}`,
    );
    await expect(labelsOf([0, 3], '', 3)).rejects.toThrow(
      'mixes label conventions: there are labels 0 and 3, for 3',
    );
    await expect(labelsOf([0, 1], 'tfrecord-1:')).rejects.toThrow('there is a label 0');
    await expect(labelsOf([0, 9], '', 3)).rejects.toThrow('data.tfrecord!x.JPEG: label 9 is out of range');
  });

  it('is known by its content, whatever it is called', async () => {
    const root = await folder();
    const file = path.join(root, 'pictures');
    await writeFile(file, tfRecords([tfds('a', 0)]));
    expect((await openDataset(file)).length).toBe(1);
    await writeFile(file, 'something else entirely');
    await expect(openDataset(file)).rejects.toThrow('pictures is a file: expected a folder of class folders');
    await expect(openDataset(`tfrecord:${file}`)).rejects.toThrow('pictures is no TFRecord file');
  });

  it('mixed with another convention is refused', async () => {
    const root = await folder();
    const file = path.join(root, 'a.tfrecord');
    await writeFile(file, tfRecords([tfds('a', 0), builder('b', 1)]));
    await expect(openDataset(file)).rejects.toThrow(
      'mixes label conventions: 1 records of the classic builder, 1 records of TensorFlow Datasets; expected one',
    );
  });

  it.each([
    [
      'no picture',
      example({ label: 1 }),
      'a.tfrecord@0 has no picture: expected image/encoded and image/class/label, or image and label; found label',
    ],
    ['no label', example({ image: 'x' }), 'a.tfrecord@0 has no label'],
    ['no example', Buffer.from([0x0a, 0xff]), 'a.tfrecord@0 is no tf.train.Example'],
  ])('with %s is refused', async (_, record, message) => {
    const root = await folder();
    const file = path.join(root, 'a.tfrecord');
    await writeFile(file, tfRecords([record]));
    await expect(openDataset(file)).rejects.toThrow(message);
  });

  it('that is damaged or cut is named with the byte, when it is opened and when it is read', async () => {
    const root = await folder();
    const file = path.join(root, 'a.tfrecord');
    const first = tfRecords([tfds('a', 0)]);
    const whole = tfRecords([tfds('a', 0), tfds('b'.repeat(50), 1)]);
    await writeFile(file, whole);
    const dataset = await openDataset(file);
    const bytes = await readFile(file);
    bytes[first.length + 40]! ^= 1;
    await writeFile(file, bytes);
    const message = `${file} is damaged: the record at byte ${first.length} does not fit its checksum`;
    await expect(dataset.read(1)).rejects.toThrow(message);
    await expect(openDataset(file)).rejects.toThrow(message);
    bytes[first.length] = 200;
    await writeFile(file, bytes);
    await expect(openDataset(file)).rejects.toThrow(
      `the length of the record at byte ${first.length} does not fit`,
    );
    for (const length of [first.length + 3, first.length + 13, whole.length - 1]) {
      await writeFile(file, whole);
      await truncate(file, length);
      await expect(openDataset(file), String(length)).rejects.toThrow(`${file} is truncated`);
    }
    await writeFile(file, '');
    await expect(openDataset(file)).rejects.toThrow('holds no records');
  });
});
