import { truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../../src/data/decode.js';
import { openDataset } from '../../../src/data/sources/open-dataset.js';
import { cifarPickle, cifarPixels } from '../helpers/cifar.js';
import { writeFiles } from '../helpers/samples.js';
import { temporaryFolders } from '../helpers/shards.js';

const folder = temporaryFolders();

/** Records of the binary version: label bytes and planes. */
function records(labels: readonly (readonly number[])[], from = 0): Buffer {
  const pixels = cifarPixels(labels.length, from);
  return Buffer.concat(
    labels.flatMap((bytes, i) => [Buffer.from(bytes), pixels.subarray(i * 3072, (i + 1) * 3072)]),
  );
}

const names = (count: number): string =>
  Array.from({ length: count }, (_, i) => `class ${i}`).join('\n') + '\n';
const list = (count: number): string[] => Array.from({ length: count }, (_, i) => `class ${i}`);

/** CIFAR's planes as pixels, the plain way. */
function pixelsOf(planes: Buffer, picture: number): Uint8Array {
  const at = picture * 3072;
  return Uint8Array.from({ length: 3072 }, (_, i) => planes[at + (i % 3) * 1024 + Math.floor(i / 3)]!);
}

describe('CIFAR', () => {
  it('10, binary', async () => {
    const root = await folder();
    for (let i = 1; i <= 5; i++) await writeFiles(root, { [`data_batch_${i}.bin`]: records([[i], [9]], i) });
    await writeFiles(root, {
      'test_batch.bin': records([[3]]),
      'batches.meta.txt': `${names(10)}\n`,
      'readme.html': '',
    });
    const dataset = await openDataset(root, { split: 'train', numClasses: 10 });
    expect([dataset.length, dataset.classes?.[9], dataset.split]).toEqual([10, 'class 9', 'train']);
    expect(Array.from({ length: 10 }, (_, i) => dataset.label(i))).toEqual([1, 9, 2, 9, 3, 9, 4, 9, 5, 9]);
    expect(dataset.name(9)).toBe(path.join(root, 'data_batch_5.bin#1'));
    const { width, height, data } = await dataset.pixels!(9);
    expect([width, height]).toEqual([32, 32]);
    expect(data).toEqual(pixelsOf(cifarPixels(2, 5), 1));
    // What is not asked for its pixels gets the same ones encoded.
    expect(new Uint8Array((await decodeImage(await dataset.read(9), 'x')).data)).toEqual(data);
    await expect(openDataset(root)).rejects.toThrow('has the splits train and val');
  });

  it('100, binary: the fine labels', async () => {
    const root = await folder();
    await writeFiles(root, {
      'train.bin': records([[1, 99]]),
      'test.bin': records([
        [2, 42],
        [3, 7],
      ]),
      'fine_label_names.txt': names(100),
      'coarse_label_names.txt': names(20),
    });
    const dataset = await openDataset(root, { split: 'val' });
    expect([dataset.label(0), dataset.label(1), dataset.numClasses]).toEqual([42, 7, 100]);
    expect((await dataset.pixels!(1)).data).toEqual(pixelsOf(cifarPixels(2), 1));
  });

  it('10, Python', async () => {
    const root = await folder();
    for (let i = 1; i <= 5; i++)
      await writeFiles(root, {
        [`data_batch_${i}`]: cifarPickle({ batch_label: ['x'], labels: [i, 0] }, cifarPixels(2, i)),
      });
    await writeFiles(root, {
      test_batch: cifarPickle({ labels: [1] }, cifarPixels(1)),
      'batches.meta': cifarPickle({ label_names: list(10) }),
    });
    const dataset = await openDataset(root, { split: 'train' });
    expect([dataset.length, dataset.label(2), dataset.classes]).toEqual([10, 2, list(10)]);
    expect((await dataset.pixels!(3)).data).toEqual(pixelsOf(cifarPixels(2, 2), 1));
  });

  it('100, Python', async () => {
    const root = await folder();
    const labels = { filenames: ['a.png', 'b.png'], fine_labels: [99, 7], coarse_labels: [1, 2] };
    await writeFiles(root, {
      train: cifarPickle(labels, cifarPixels(2)),
      test: cifarPickle(labels, cifarPixels(2)),
      meta: cifarPickle({ fine_label_names: list(100), coarse_label_names: list(20) }),
    });
    const dataset = await openDataset(root, { split: 'train', numClasses: 100 });
    expect([dataset.label(0), dataset.label(1), dataset.classes]).toEqual([99, 7, list(100)]);
    expect((await dataset.pixels!(0)).data).toEqual(pixelsOf(cifarPixels(1), 0));
    await expect(openDataset(root, { split: 'train', numClasses: 10 })).rejects.toThrow(
      'has 100 classes, the model has 10',
    );

    await truncate(path.join(root, 'train'), 3000);
    await expect(openDataset(root, { split: 'train' })).rejects.toThrow(
      `${path.join(root, 'train')} cannot be read as a pickle of CIFAR: it is truncated`,
    );
    await writeFile(path.join(root, 'train'), cifarPickle(labels, cifarPixels(1)));
    await expect(openDataset(root, { split: 'train' })).rejects.toThrow('found 2 labels and 3072 bytes');
    await writeFile(path.join(root, 'train'), Buffer.from('\x80\x02cposix\nsystem\nU\x02ls\x85R.', 'latin1'));
    await expect(openDataset(root, { split: 'train' })).rejects.toThrow('holds no pickled dict');
    await writeFile(path.join(root, 'train'), Buffer.from('\x80\x02(iposix\nsystem\n.', 'latin1'));
    await expect(openDataset(root, { split: 'train' })).rejects.toThrow(
      'operation 0x69 at byte 3 is of no plain value',
    );
  });

  it('of another length, or with labels out of range, is refused', async () => {
    const root = await folder();
    await writeFiles(root, {
      'train.bin': records([[1, 99]]).subarray(0, 3000),
      'test.bin': records([[0, 100]]),
      'fine_label_names.txt': names(100),
    });
    await expect(openDataset(root, { split: 'train' })).rejects.toThrow(
      'train.bin has 3000 bytes, expected a multiple of 3074',
    );
    await expect(openDataset(root, { split: 'val' })).rejects.toThrow(
      'test.bin: picture 0: label 100 is out of range',
    );
    await writeFiles(root, { 'fine_label_names.txt': names(99), 'test.bin': records([[0, 5]]) });
    await expect(openDataset(root, { split: 'val' })).rejects.toThrow(
      'names 99 classes, CIFAR-100, binary version has 100',
    );
  });
});
