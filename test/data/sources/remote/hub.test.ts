import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openDataset, type OpenDatasetOptions } from '../../../../src/data/sources/open-dataset.js';
import { FakeHub } from '../../../helpers/fake-hub.js';
import { corrupt } from '../../../helpers/file-server.js';
import { tarBytes, temporaryFolders } from '../../helpers/shards.js';

const FIXTURES = fileURLToPath(new URL('../../../fixtures/data/', import.meta.url));
const REPO = 'someone/pictures';
const folder = temporaryFolders();
const timing = { stallMs: 2000, retries: 2, backoffMs: 1, pollMs: 5 };
let hub: FakeHub;

beforeEach(async () => {
  hub = new FakeHub(REPO, 'datasets');
  vi.stubEnv('HF_ENDPOINT', await hub.start());
  vi.stubEnv('HF_TOKEN', 'hf_secret');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
});

const open = async (address: string, options: OpenDatasetOptions = {}) =>
  openDataset(address, { timing, cacheDir: await folder(), ...options });

describe('a data set on the hub', () => {
  it('of parquet files in data, by its splits', async () => {
    for (const name of ['train-00000-of-00002', 'train-00001-of-00002', 'test-00000-of-00001'])
      hub.files.set(`data/${name}.parquet`, await readFile(`${FIXTURES}${name}.parquet`));
    hub.files.set('README.md', Buffer.from('# pictures'));
    const dataset = await open(`hf://datasets/${REPO}`, { split: 'train' });
    expect([dataset.length, dataset.classes]).toEqual([17, ['cat', 'dog', 'bird']]);
    expect(Buffer.from(await dataset.read(13)).toString()).toBe('picture 13 '.repeat(20));
    expect(dataset.name(13)).toBe(`hf://datasets/${REPO}/data/train-00001-of-00002.parquet#1`);
    await expect(open(`hf://${REPO}`, { split: 'val' })).rejects.toThrow('row 0 has no label (-1)');
    // The token goes to the hub alone.
    expect(hub.hub.requests.every(({ headers }) => headers.authorization === 'Bearer hf_secret')).toBe(true);
    expect(hub.cdn.requests.length).toBeGreaterThan(0);
    expect(hub.cdn.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  it('of shards, by a pattern, with names of the classes beside them', async () => {
    for (const i of [0, 1])
      hub.files.set(`shards/t-${i}.tar`, await tarBytes({ '1.jpg': `${i}`, '1.cls': '1' }));
    hub.files.set('shards/classes.txt', Buffer.from('cat\ndog\n'));
    const dataset = await open(`hf://datasets/${REPO}@main/shards/t-*.tar`);
    expect([dataset.length, dataset.classes, Buffer.from(await dataset.read(1)).toString()]).toEqual([
      2,
      ['cat', 'dog'],
      '1',
    ]);
    expect((await open(`hf://datasets/${REPO}/shards/t-{1..1}.tar`)).length).toBe(1);
    expect((await open(`hf://datasets/${REPO}/shards`)).length).toBe(2);
  });

  it('is held against the checksums of the hub', async () => {
    hub.files.set('a.tar', await tarBytes({ '1.jpg': 'x', '1.cls': '1' }));
    hub.cdn.faults.push(corrupt);
    expect((await open(`hf://datasets/${REPO}/a.tar`)).length).toBe(1);
    expect(hub.fetched('a.tar')).toHaveLength(2);
    hub.claim = 'f'.repeat(64);
    await expect(open(`hf://datasets/${REPO}/a.tar`)).rejects.toThrow(
      /sent other bytes than it says, twice: expected sha256 f+/,
    );
  });

  it('of pictures in class folders, or with the metadata.csv of an imagefolder', async () => {
    for (const name of ['cat/1.jpg', 'cat/2.png', 'dog/3.jpg'])
      for (const split of ['train', 'test'])
        hub.files.set(`data/${split}/${name}`, Buffer.from(`${split} ${name}`));
    const train = await open(`hf://datasets/${REPO}/data`, { split: 'train' });
    expect([train.length, train.classes]).toEqual([3, ['cat', 'dog']]);
    expect([train.label(2), train.name(2)]).toEqual([1, `hf://datasets/${REPO}/data/train/dog/3.jpg`]);
    expect(Buffer.from(await train.read(2)).toString()).toBe('train dog/3.jpg');
    const val = await open(`folders:hf://datasets/${REPO}`, { split: 'val' });
    expect(Buffer.from(await val.read(0)).toString()).toBe('test cat/1.jpg');
    await expect(open(`hf://datasets/${REPO}`)).rejects.toThrow('has the splits train and val');

    hub.files.set('photos/metadata.csv', Buffer.from('file_name,label\na.jpg,dog\nin/b.jpg,cat\n'));
    hub.files.set('photos/a.jpg', Buffer.from('a'));
    hub.files.set('photos/in/b.jpg', Buffer.from('b'));
    const listed = await open(`hf://datasets/${REPO}/photos`);
    expect([listed.classes, listed.label(0), Buffer.from(await listed.read(1)).toString()]).toEqual([
      ['cat', 'dog'],
      1,
      'b',
    ]);
    hub.files.delete('photos/in/b.jpg');
    const cacheDir = await folder();
    await expect((await open(`hf://datasets/${REPO}/photos`, { cacheDir })).read(1)).rejects.toThrow(
      `hf://datasets/${REPO}/photos/in/b.jpg is not there`,
    );
  });

  it('of a list of iNaturalist and its pictures', async () => {
    const list = {
      images: [{ id: 1, file_name: 'birds/a.jpg' }],
      annotations: [{ image_id: 1, category_id: 5 }],
      categories: [{ id: 5, name: 'Aves' }],
    };
    hub.files.set('inat/val2019.json', Buffer.from(JSON.stringify(list)));
    hub.files.set('inat/birds/a.jpg', Buffer.from('a'));
    const dataset = await open(`hf://datasets/${REPO}/inat/val2019.json`);
    expect([dataset.classes, Buffer.from(await dataset.read(0)).toString()]).toEqual([['Aves'], 'a']);
  });

  it('that is not there, or has nothing to read, is named', async () => {
    await expect(open('hf://nonsense')).rejects.toThrow('"hf://nonsense" is no address of data on the hub');
    await expect(open('hf://datasets/someone/else')).rejects.toThrow(
      'the hub has no repository someone/else',
    );
    await expect(open(`hf://datasets/${REPO}@gone`)).rejects.toThrow(`${REPO} has no revision "gone"`);
    hub.files.set('README.md', Buffer.from('# pictures'));
    await expect(open(`hf://datasets/${REPO}`)).rejects.toThrow(
      /holds nothing to read: expected .*; found README\.md/,
    );
    hub.files.set('a.tar', Buffer.from(''));
    hub.files.set('a.parquet', Buffer.from(''));
    await expect(open(`hf://datasets/${REPO}`)).rejects.toThrow(
      'holds several data sets (parquet, tar): say which is meant, as in parquet:hf://',
    );
    await expect(open(`hf://datasets/${REPO}/b-{0..1}.tar`)).rejects.toThrow(
      'there is no b-0.tar, but the pattern names it',
    );
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    await expect(open(`hf://datasets/${REPO}`)).rejects.toThrow('nothing may be fetched');
  });
});
