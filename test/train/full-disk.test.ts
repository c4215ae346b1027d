import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../src/errors.js';
import { selectBackend } from '../../src/runtime/backend.js';
import { disk } from '../helpers/full-disk.js';
import { tinyRun } from './helpers/tiny-run.js';

vi.mock('node:fs/promises', async (original) =>
  (await import('../helpers/full-disk.js')).fsOnFullDisk(original),
);

describe('a disk that fills up', () => {
  let path: string;
  beforeEach(async () => {
    await selectBackend('cpu');
    path = join(await fs.mkdtemp(join(tmpdir(), 'recnext-full-')), 'run');
  });
  afterEach(async () => {
    disk.left = Infinity;
    await fs.rm(join(path, '..'), { recursive: true });
  });

  // A checkpoint of this run takes about 9 kB: full at its first byte, in its weights, in its moments, in the best weights after it.
  it.each([0, 1_000, 3_000, 6_000, 9_000])(
    'after %i more bytes: the last checkpoint survives, one line says so, and the run goes on from it',
    async (left) => {
      const run = tinyRun(path, {
        onEpoch: ({ epoch }) => {
          if (epoch === 1) disk.left = left;
        },
      });
      const error = await run.then(
        () => expect.fail('it did not fail'),
        (error: unknown) => error as UserError,
      );
      expect(error).toBeInstanceOf(UserError);
      expect(error.message).toMatch(/no space left on the disk|ENOSPC/);
      const kept = await fs.readdir(join(path, 'checkpoints'));
      expect(kept).toEqual(left < 9_000 ? ['epoch-0001'] : ['epoch-0001', 'epoch-0002']);
      const last = join(path, 'checkpoints', kept.at(-1)!);
      expect(error.message.endsWith(`The checkpoint ${last} is whole: go on with --resume ${path}.`)).toBe(
        true,
      );
      expect(error.message).not.toContain('\n');
      expect(existsSync(join(path, 'run.lock'))).toBe(false);

      disk.left = Infinity;
      expect(await tinyRun(path, {}, { resume: true })).toMatchObject({ epochs: 4, steps: 12 });
    },
  );
});
