import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { resolveWeights } from '../../../src/convert/hub/resolve-weights.js';
import { SHA } from '../../helpers/fake-hub.js';
import { disk } from '../../helpers/full-disk.js';
import { ADDRESS, FAST, failure, noise, unfinished, withHub } from './setup.js';

vi.mock('node:fs/promises', async (original) =>
  (await import('../../helpers/full-disk.js')).fsOnFullDisk(original),
);

describe('a disk that fills up while weights come in', () => {
  const at = withHub();
  afterEach(() => {
    disk.left = Infinity;
  });

  it('is named in one line, and the weights are whole or not there', async () => {
    const weights = noise(1_000_000);
    at.hub.files.set('model.safetensors', weights);
    disk.left = 300_000;
    expect(await failure(resolveWeights(ADDRESS, FAST))).toMatch(
      /model\.safetensors: no space left on the disk of .*: free some, or set HF_HUB_CACHE to a folder on another disk/,
    );
    const blobs = join(at.repoFolder, 'blobs');
    expect(readdirSync(blobs)).toEqual(unfinished(blobs));
    disk.left = Infinity;
    await resolveWeights(ADDRESS, FAST);
    expect(readFileSync(join(at.repoFolder, 'snapshots', SHA, 'model.safetensors')).equals(weights)).toBe(
      true,
    );
  });
});
