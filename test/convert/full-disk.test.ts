import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { convertCheckpoint } from '../../src/convert/convert.js';
import { TARGETS } from '../../src/convert/targets.js';
import { writeSafetensors } from '../../src/convert/files.js';
import { UserError } from '../../src/errors.js';
import { buildModel } from '../../src/models/index.js';
import { selectBackend } from '../../src/runtime/backend.js';
import { disk } from '../helpers/full-disk.js';

vi.mock('node:fs/promises', async (original) =>
  (await import('../helpers/full-disk.js')).fsOnFullDisk(original),
);

describe('a disk that fills up while converting', () => {
  let folder: string;
  let weights: string;
  beforeEach(async () => {
    await selectBackend('cpu');
    folder = await fs.mkdtemp(join(tmpdir(), 'recnext-full-'));
    weights = join(folder, 'weights.safetensors');
    const model = buildModel('recnext_m0', { embedDim: [4, 8, 16, 32], depth: [1, 1, 1, 1], numClasses: 3 });
    await writeSafetensors(weights, model.stateDict());
    model.dispose();
  });
  afterEach(async () => {
    disk.left = Infinity;
    await fs.rm(folder, { recursive: true });
  });

  it.each(TARGETS)(
    '%s: one line says so, nothing half-written stays, and an earlier result survives',
    async (to) => {
      const output = join(folder, 'out');
      // A hub folder with its card, which its owner may have edited, is never replaced.
      for (const before of to === 'hub'
        ? (['nothing'] as const)
        : (['nothing', 'an earlier result'] as const)) {
        if (before === 'an earlier result') await convertCheckpoint({ weights, output, to, imgSize: 32 });
        const names = await fs.readdir(folder);
        const there = before === 'nothing' ? [] : await fs.readdir(output);
        disk.left = 10_000;
        const failed = convertCheckpoint({ weights, output, to, fuse: 'full', imgSize: 32 });
        await expect(failed).rejects.toThrow(UserError);
        await expect(failed).rejects.toThrow(/disk is full|no space/i);
        disk.left = Infinity;
        expect(await fs.readdir(folder)).toEqual(names);
        if (before === 'an earlier result') expect(await fs.readdir(output)).toEqual(there);
      }
    },
  );
});
