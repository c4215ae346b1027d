import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunFolder } from '../../src/train/run-folder.js';
import { buildForNode } from '../helpers/build-for-node.js';

describe('kill -9', () => {
  let dir: string;
  let folder: string;
  let script: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-kill-'));
    ({ folder, script } = await buildForNode('test/train/helpers/run-child.ts'));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true });
    await rm(folder, { recursive: true });
  });

  const run = (path: string, mode: 'new' | 'resume', callsToLive: number) =>
    spawnSync(process.execPath, [script, path, mode, String(callsToLive)], { encoding: 'utf8' });

  it('at any call to the file system leaves a run that goes on to the same end, bit by bit', async () => {
    const whole = run(join(dir, 'whole'), 'new', 0);
    expect(whole.status, whole.stderr).toBe(0);
    const steps = whole.stdout.trimEnd().split('\n');
    expect(steps).toHaveLength(12);

    const killed = join(dir, 'killed');
    const seen = new Set<string>();
    let kills = 0;
    // Longer and longer lives: opening the run, the best weights, the log, the temporary folder, its files, the renames, the pruning.
    for (const life of [4, 9, 11, 14, 17, 21, 26, 33]) {
      const result = run(killed, existsSync(RunFolder.configFile(killed)) ? 'resume' : 'new', life);
      if (result.status === 0) break;
      expect(result.signal, result.stderr).toBe('SIGKILL');
      kills++;
      for (const line of result.stdout.trimEnd().split('\n').filter(Boolean)) seen.add(line);
    }
    expect(kills).toBeGreaterThan(4);
    const last = run(killed, 'resume', 0);
    expect(last.status, last.stderr).toBe(0);
    for (const line of last.stdout.trimEnd().split('\n').filter(Boolean)) seen.add(line);

    // Steps done twice had the same losses, and none was left out.
    expect([...seen].sort()).toEqual([...steps].sort());
    for (const file of ['log.txt', 'best/model.safetensors', 'best-ema/model.safetensors'])
      expect(await readFile(join(killed, file)), file).toEqual(await readFile(join(dir, 'whole', file)));
    for (const file of ['model.safetensors', 'ema.safetensors', 'optimizer.safetensors', 'state.json'])
      expect(await readFile(join(killed, 'checkpoints/epoch-0004', file)), file).toEqual(
        await readFile(join(dir, 'whole/checkpoints/epoch-0004', file)),
      );
  });
});
