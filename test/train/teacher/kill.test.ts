import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildForNode } from '../../helpers/build-for-node.js';

describe('kill -9', () => {
  let dir: string;
  let folder: string;
  let script: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-kill-'));
    ({ folder, script } = await buildForNode('test/train/helpers/teach-child.ts'));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true });
    await rm(folder, { recursive: true });
  });

  const run = (path: string, callsToLive: number) =>
    spawnSync(process.execPath, [script, path, String(callsToLive)], { encoding: 'utf8' });
  /** Of whole files: what was killed after the last of them was written leaves its own behind until somebody writes again. */
  const contents = async (path: string) => {
    const names = (await readdir(path)).filter((name) => /\.(bin|json)$/.test(name));
    return Promise.all(names.map(async (name) => [name, (await readFile(join(path, name))).toString('hex')]));
  };

  it(
    'at any call to the file system leaves a teacher cache that is filled to the same end',
    { timeout: 120_000 },
    async () => {
      const whole = join(dir, 'whole');
      const all = run(whole, 0);
      expect(all.status, all.stderr).toBe(0);
      expect(all.stdout.trimEnd().split('\n')).toHaveLength(12);
      const expected = await contents(whole);
      expect(expected.map(([name]) => name)).toEqual([
        'epoch-0000.bin',
        'epoch-0001.bin',
        'epoch-0002.bin',
        'manifest.json',
      ]);

      // Killed at the same call over and over, with what the lives before have left: each gets further.
      for (const life of [17, 23, 29]) {
        const path = join(dir, `life-${life}`);
        let kills = 0;
        for (;;) {
          const result = run(path, life);
          if (result.status === 0) break;
          expect(result.signal, result.stderr).toBe('SIGKILL');
          expect(++kills, `${life} calls`).toBeLessThan(20);
        }
        expect(kills).toBeGreaterThan(1);
        expect(await contents(path), `${life} calls`).toEqual(expected);
      }
      // And killed once at one of its first calls.
      for (let life = 1; life <= 40; life += 2) {
        const path = join(dir, `once-${life}`);
        expect(run(path, life).signal).toBe('SIGKILL');
        const last = run(path, 0);
        expect(last.status, last.stderr).toBe(0);
        expect(await contents(path), `${life} calls`).toEqual(expected);
      }
    },
  );
});
