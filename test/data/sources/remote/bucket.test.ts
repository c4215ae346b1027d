import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openDataset, type OpenDatasetOptions } from '../../../../src/data/sources/open-dataset.js';
import { hasMoto, NO_MOTO, startMoto } from '../../../helpers/moto.js';
import { tarBytes, temporaryFolders } from '../../helpers/shards.js';

const folder = temporaryFolders();
const timing = { stallMs: 5000, retries: 1, backoffMs: 1, pollMs: 5 };
const content = (i: number): string => `picture ${i} `.repeat(300);

describe.skipIf(!hasMoto)(
  `a bucket of an S3-compatible server${hasMoto ? '' : ` (skipped: ${NO_MOTO})`}`,
  () => {
    let server: Awaited<ReturnType<typeof startMoto>>;
    let client: S3Client;

    beforeAll(async () => {
      server = await startMoto();
      vi.stubEnv('AWS_ENDPOINT_URL', server.url);
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'key');
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
      client = new S3Client({ region: 'us-east-1', forcePathStyle: true });
      await client.send(new CreateBucketCommand({ Bucket: 'pictures' }));
      for (let i = 0; i < 3; i++)
        await put(`in1k/train-${i}.tar`, await tarBytes({ '1.jpg': content(i), '1.cls': String(i) }));
      await put('in1k/classes.txt', 'a\nb\nc\n');
    }, 60_000);

    afterAll(async () => {
      client.destroy();
      await server.stop();
      vi.unstubAllEnvs();
    });

    const put = (key: string, body: string | Uint8Array) =>
      client.send(new PutObjectCommand({ Bucket: 'pictures', Key: key, Body: body }));
    const open = async (address: string, options: OpenDatasetOptions = {}) =>
      openDataset(address, { timing, cacheDir: await folder(), ...options });

    it.each(['s3://pictures/in1k', 's3://pictures/in1k/train-*.tar', 's3://pictures/in1k/train-{0..2}.tar'])(
      '%s: fetched into the cache, held against their MD5',
      async (address) => {
        const dataset = await open(address, { split: 'train' });
        expect([dataset.length, dataset.classes]).toEqual([3, ['a', 'b', 'c']]);
        for (const i of [2, 0, 1]) {
          expect(Buffer.from(await dataset.read(i)).toString()).toBe(content(i));
          expect(dataset.name(i)).toBe(`s3://pictures/in1k/train-${i}.tar!1`);
        }
      },
    );

    it('is read by range where it does not fit into the cache', async () => {
      const dataset = await open('s3://pictures/in1k', { split: 'train', cacheLimit: 8000 });
      for (const i of [2, 0, 1]) expect(Buffer.from(await dataset.read(i)).toString()).toBe(content(i));
    });

    it('of single pictures: class folders, a list, a CSV, and a CSV on this machine', async () => {
      for (const name of ['train/hen/b c.jpg', 'train/cat/1.jpg', 'val/cat/2.jpg', 'val/hen/.3.jpg'])
        await put(`photos/${name}`, name);
      const train = await open('s3://pictures/photos', { split: 'train' });
      expect([train.length, train.classes, train.split]).toEqual([2, ['cat', 'hen'], 'train']);
      expect(train.name(1)).toBe('s3://pictures/photos/train/hen/b c.jpg');
      expect([train.label(1), Buffer.from(await train.read(1)).toString()]).toEqual([1, 'train/hen/b c.jpg']);

      await put('flat/a.jpg', 'a');
      await put('flat/b.jpg', 'b');
      await put('flat/labels.txt', 'a.jpg 3\nb.jpg 1\n');
      const flat = await open('s3://pictures/flat');
      expect([flat.label(0), flat.label(1), flat.numClasses]).toEqual([3, 1, 4]);

      await put('lists/all.csv', 'path,label\n../flat/b.jpg,bee\ns3://pictures/flat/a.jpg,ant\n');
      for (const address of ['s3://pictures/lists/all.csv', 's3://pictures/lists']) {
        const listed = await open(address);
        expect([listed.classes, listed.label(0)]).toEqual([['ant', 'bee'], 1]);
        expect(listed.name(0)).toBe('s3://pictures/flat/b.jpg');
        for (const [i, text] of ['b', 'a'].entries())
          expect(Buffer.from(await listed.read(i)).toString()).toBe(text);
      }

      const root = await folder();
      await writeFile(path.join(root, 'mine.csv'), 's3://pictures/flat/a.jpg,0\nhere.jpg,1\n');
      await writeFile(path.join(root, 'here.jpg'), 'here');
      const mixed = await open(path.join(root, 'mine.csv'));
      expect(Buffer.from(await mixed.read(0)).toString()).toBe('a');
      expect(Buffer.from(await mixed.read(1)).toString()).toBe('here');
      await writeFile(path.join(root, 'gone.csv'), 's3://pictures/flat/none.jpg,0\n');
      await expect(open(path.join(root, 'gone.csv'))).rejects.toThrow(
        /gone\.csv: its first picture: s3:\/\/pictures\/flat\/none\.jpg is not there/,
      );
    });

    it('has the MD5 of its objects as ETags, which is what is checked', async () => {
      const body = await tarBytes({ '1.jpg': 'x', '1.cls': '0' });
      const { ETag: etag } = await put('one.tar', body);
      expect(etag).toBe(`"${createHash('md5').update(body).digest('hex')}"`);
      expect((await open('s3://pictures/one.tar')).length).toBe(1);
    });

    it('names what is not there', async () => {
      await expect(open('s3://no-such-bucket/a.tar')).rejects.toThrow('there is no bucket no-such-bucket');
      await expect(open('s3://pictures/none.tar')).rejects.toThrow(
        's3://pictures/none.tar holds nothing to read: expected .tar, .parquet or TFRecord files, class folders with pictures, or a .csv; found nothing',
      );
      await expect(open('s3://pictures/in1k/train-{2..3}.tar')).rejects.toThrow(
        'there is no in1k/train-3.tar',
      );
      await expect(open('s3://Not_a_bucket/x')).rejects.toThrow(
        'is no address of a bucket: expected s3://bucket/path',
      );
    });
  },
);

it('a server that is not there ends in one line', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:9');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'key');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  await expect(
    openDataset('s3://pictures/a.tar', { timing: { ...timing, retries: 0 }, cacheDir: await folder() }),
  ).rejects.toThrow(
    /^s3:\/\/pictures\/a\.tar: 127\.0\.0\.1:9 cannot be reached: nothing listens there \(ECONNREFUSED\)/,
  );
  vi.unstubAllEnvs();
});
