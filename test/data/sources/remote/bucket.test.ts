import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
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

    it('has the MD5 of its objects as ETags, which is what is checked', async () => {
      const body = await tarBytes({ '1.jpg': 'x', '1.cls': '0' });
      const { ETag: etag } = await put('one.tar', body);
      expect(etag).toBe(`"${createHash('md5').update(body).digest('hex')}"`);
      expect((await open('s3://pictures/one.tar')).length).toBe(1);
    });

    it('names what is not there', async () => {
      await expect(open('s3://no-such-bucket/a.tar')).rejects.toThrow('there is no bucket no-such-bucket');
      await expect(open('s3://pictures/none.tar')).rejects.toThrow(
        's3://pictures/none.tar holds no .tar, .parquet or TFRecord files: found nothing',
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
