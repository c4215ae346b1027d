import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openDataset } from '../../../../src/data/sources/open-dataset.js';
import { FileServer } from '../../../helpers/file-server.js';
import { disk } from '../../../helpers/full-disk.js';
import { tarBytes, temporaryFolders } from '../../helpers/shards.js';

vi.mock('node:fs/promises', async (original) =>
  (await import('../../../helpers/full-disk.js')).fsOnFullDisk(original),
);

const folder = temporaryFolders();
const server = new FileServer();
beforeAll(async () => void (await server.start()));
afterAll(() => server.stop());

it('a disk that fills while a shard is cached is named in one line, and nothing half stays under the name of a shard', async () => {
  server.files.set('/s.tar', await tarBytes({ '1.jpg': 'x'.repeat(1_000_000), '1.cls': '0' }));
  const cacheDir = await folder();
  disk.left = 300_000;
  await expect(openDataset(`${server.url}/s.tar`, { cacheDir })).rejects.toThrow(
    /s\.tar: no space left on the disk of .*shards: free some, or set --cache-dir to a folder on another disk/,
  );
  const shards = await readdir(path.join(cacheDir, 'shards'));
  expect(shards.every((name) => name.endsWith('.incomplete'))).toBe(true);
  disk.left = Infinity;
  expect((await openDataset(`${server.url}/s.tar`, { cacheDir })).length).toBe(1);
});
