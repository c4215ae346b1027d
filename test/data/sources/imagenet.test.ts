import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  DEVKIT_SYNSETS,
  devkitLabel,
  IMAGENET_SYNSETS,
  synsetLabel,
} from '../../../src/data/sources/imagenet-synsets.js';
import { openDataset } from '../../../src/data/sources/open-dataset.js';
import { IMAGENET_CLASSES } from '../../../src/eval/imagenet-classes.js';
import { contents, writeFiles } from '../helpers/samples.js';
import { tarBytes, temporaryFolders, writeTar } from '../helpers/shards.js';

const folder = temporaryFolders();
const picture = (number: number): string => `ILSVRC2012_val_${String(number).padStart(8, '0')}.JPEG`;

describe('the synsets of ImageNet', () => {
  it('are 1,000, each once, and in the order of the names of the classes', () => {
    expect(IMAGENET_SYNSETS).toHaveLength(1000);
    expect(new Set(IMAGENET_SYNSETS).size).toBe(1000);
    for (const [synset, name] of [
      ['n01440764', 'tench'],
      ['n02111889', 'Samoyed'],
      ['n03255030', 'dumbbell'],
      ['n07697313', 'cheeseburger'],
      ['n15075141', 'toilet tissue'],
    ] as const)
      expect(IMAGENET_CLASSES[synsetLabel(synset)!]).toContain(name);
    expect(synsetLabel('n00000000')).toBeUndefined();
  });

  it('have the IDs of the challenge', () => {
    // The first lines of the validation set's ground truth, and what those pictures are known to show.
    const known = [
      [490, 'sea snake'],
      [361, 'alp'],
      [171, 'Shetland sheepdog'],
      [822, 'soup bowl'],
      [297, 'cradle'],
      [482, 'garter snake'],
      [13, 'porcupine'],
      [704, 'bakery'],
      [599, 'mousetrap'],
      [164, 'Angora'],
    ] as const;
    for (const [id, name] of known) expect(IMAGENET_CLASSES[devkitLabel(id)!], String(id)).toContain(name);
    expect([devkitLabel(0), devkitLabel(1001)]).toEqual([undefined, undefined]);
    expect([DEVKIT_SYNSETS[0], DEVKIT_SYNSETS[999]]).toEqual(['n02119789', 'n03255030']);
  });
});

describe('ILSVRC2012_img_val.tar', () => {
  const pictures = { [picture(2)]: 'b', [picture(1)]: 'a', [picture(3)]: 'c' };
  const truth = '490\n361\n171\n';
  const labelled = [65, 970, 230].map((label, i) => `${picture(i + 1)}:${label}:${'abc'[i]}`);

  it.each([
    ['the ground truth', 'ILSVRC2012_validation_ground_truth.txt', truth],
    ['the unpacked kit', 'ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt', truth],
  ])('takes its labels from %s beside it', async (_, name, text) => {
    const root = await folder();
    await writeTar(root, 'ILSVRC2012_img_val.tar', pictures);
    await writeFiles(root, { [name]: text });
    const dataset = await openDataset(path.join(root, 'ILSVRC2012_img_val.tar'), { numClasses: 1000 });
    expect((await contents(dataset, root)).sort()).toEqual(
      labelled.map((line) => `ILSVRC2012_img_val.tar!${line}`),
    );
    expect([dataset.numClasses, dataset.classes]).toEqual([1000, IMAGENET_SYNSETS]);
  });

  it('takes its labels from the archive of the kit, found in a folder of both', async () => {
    const root = await folder();
    await writeTar(root, 'ILSVRC2012_img_val.tar', pictures);
    const kit = await tarBytes({
      'ILSVRC2012_devkit_t12/readme.txt': 'hello',
      'ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt': truth,
    });
    await writeFile(path.join(root, 'ILSVRC2012_devkit_t12.tar.gz'), gzipSync(kit));
    const dataset = await openDataset(root, { split: 'val' });
    expect((await contents(dataset, root)).sort()).toEqual(
      labelled.map((line) => `ILSVRC2012_img_val.tar!${line}`),
    );
    await writeFile(
      path.join(root, 'ILSVRC2012_devkit_t12.tar.gz'),
      gzipSync(await tarBytes({ 'x/readme.txt': '' })),
    );
    await expect(openDataset(root, { split: 'val' })).rejects.toThrow(
      'ILSVRC2012_devkit_t12.tar.gz has no ILSVRC2012_validation_ground_truth.txt in it',
    );
    await writeFile(path.join(root, 'ILSVRC2012_devkit_t12.tar.gz'), gzipSync(kit).subarray(0, 50));
    await expect(openDataset(root, { split: 'val' })).rejects.toThrow('is damaged or truncated');
  });

  it('is labelled the same way where it was unpacked, with the kit beside the folder', async () => {
    const root = await folder();
    await writeFiles(root, {
      ...Object.fromEntries(Object.entries(pictures).map(([name, text]) => [`val/${name}`, text])),
      'ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt': truth,
    });
    const dataset = await openDataset(path.join(root, 'val'), { numClasses: 1000 });
    expect(await contents(dataset, root)).toEqual(labelled.map((line) => `val/${line}`));
  });

  it('says what is missing', async () => {
    const root = await folder();
    const file = await writeTar(root, 'ILSVRC2012_img_val.tar', pictures);
    await expect(openDataset(file)).rejects.toThrow(
      `${file} holds 3 pictures and no labels: expected class folders, or labels.txt or ILSVRC2012_img_val.txt beside the pictures (a path and a label a line), or ILSVRC2012_validation_ground_truth.txt or ILSVRC2012_devkit_t12.tar.gz.`,
    );
    const list = path.join(root, 'ILSVRC2012_validation_ground_truth.txt');
    await writeFile(list, '490\n361\n');
    await expect(openDataset(file)).rejects.toThrow(`${list} has no label for ${picture(3)}`);
    await writeFile(list, '490\n0\n171\n');
    await expect(openDataset(file)).rejects.toThrow(
      'line 2: expected an ID of the challenge from 1 to 1000, found "0"',
    );
  });

  it('is labelled by the synsets in the names where they have them, in a folder as well', async () => {
    const root = await folder();
    const names = ['ILSVRC2012_val_00000001_n01751748.JPEG', 'ILSVRC2012_val_00000002_n09193705.JPEG'];
    await writeFiles(root, { [names[0]!]: 'a', [names[1]!]: 'b' });
    expect(await contents(await openDataset(root, { numClasses: 1000 }), root)).toEqual([
      `${names[0]}:65:a`,
      `${names[1]}:970:b`,
    ]);
    await writeFiles(root, { 'other.JPEG': '' });
    await expect(openDataset(root)).rejects.toThrow('other.JPEG has no synset of ImageNet in its name');
  });
});

describe('ILSVRC2012_img_train.tar', () => {
  it('is read in place: a tar a class inside', async () => {
    const root = await folder();
    const inner = (synset: string, texts: string[]): Promise<Buffer> =>
      tarBytes(texts.map((text, i): [string, string] => [`${synset}_${i}.JPEG`, text]));
    const file = await writeTar(root, 'ILSVRC2012_img_train.tar', {
      'n01443537.tar': await inner('n01443537', ['goldfish']),
      'n01440764.tar': await inner('n01440764', ['tench', 'x'.repeat(2000)]),
    });
    const dataset = await openDataset(file);
    expect(await contents(dataset, root)).toEqual([
      'ILSVRC2012_img_train.tar!n01443537/n01443537_0.JPEG:1:goldfish',
      'ILSVRC2012_img_train.tar!n01440764/n01440764_0.JPEG:0:tench',
      `ILSVRC2012_img_train.tar!n01440764/n01440764_1.JPEG:0:${'x'.repeat(2000)}`,
    ]);
    expect(dataset.classes).toEqual(['n01440764', 'n01443537']);
  });

  it('names the tar inside that is damaged', async () => {
    const root = await folder();
    const inner = await tarBytes({ 'n01440764_0.JPEG': 'x'.repeat(3000) });
    const file = await writeTar(root, 'train.tar', { 'n01440764.tar': inner.subarray(0, 2048) });
    await expect(openDataset(file)).rejects.toThrow(`${file}!n01440764.tar is truncated`);
  });
});

describe('folders called by synsets', () => {
  const two = { 'n01443537/1.jpg': 'goldfish', 'n15075141/1.jpg': 'tissue' };

  it('get the labels of ImageNet for its model, whichever of them are missing', async () => {
    const root = await folder();
    await writeFiles(root, two);
    const notices: string[] = [];
    const dataset = await openDataset(root, { numClasses: 1000, notice: (line) => notices.push(line) });
    expect(await contents(dataset, root)).toEqual([
      'n01443537/1.jpg:1:goldfish',
      'n15075141/1.jpg:999:tissue',
    ]);
    expect(dataset.classes).toEqual(IMAGENET_SYNSETS);
    expect(notices).toEqual([
      `${root} has pictures of 2 of ImageNet's 1000 classes, labelled as there; n01440764, n01484850, n01491361, … are missing.`,
    ]);
  });

  it('are a data set of their own for any other model', async () => {
    const root = await folder();
    await writeFiles(root, two);
    expect((await openDataset(root)).numClasses).toBe(2);
    await expect(openDataset(root, { numClasses: 10 })).rejects.toThrow('has 2 classes, the model has 10');
    await writeFiles(root, { 'cat/1.jpg': '' });
    await expect(openDataset(root, { numClasses: 1000 })).rejects.toThrow(
      'has 3 classes, the model has 1000',
    );
  });
});
