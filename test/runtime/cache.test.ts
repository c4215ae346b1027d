import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cacheFolder, fillFolder, needSpace, withCacheLock } from '../../src/runtime/setup/cache.js';
import type { SetupLog } from '../../src/runtime/setup/log.js';

let folder: string;
let lines: string[];
const log: SetupLog = { step: (line) => lines.push(line), progress: (line) => lines.push(line) };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recnext-cache-'));
  lines = [];
  vi.stubEnv('RECNEXT_CACHE', folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

describe('the cache', () => {
  it('lies where RECNEXT_CACHE says', () => {
    expect(cacheFolder()).toBe(folder);
  });

  it('has a folder whole or not at all', async () => {
    const path = join(folder, 'part');
    await expect(
      fillFolder(path, async (temporary) => {
        await writeFile(join(temporary, 'half'), 'x');
        throw new Error('cut off');
      }),
    ).rejects.toThrow('cut off');
    expect(await readdir(folder)).toEqual([]);
    await fillFolder(path, (temporary) => writeFile(join(temporary, 'old'), '1'));
    await fillFolder(path, (temporary) => writeFile(join(temporary, 'new'), '2'));
    expect(await readdir(path)).toEqual(['new']);
    expect(await readdir(folder)).toEqual(['part']);
  });

  it('says where no space is left, and how much is needed', async () => {
    const full = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    await expect(fillFolder(join(folder, 'part'), () => Promise.reject(full))).rejects.toThrow(
      /part: no space left on the disk.*RECNEXT_CACHE/,
    );
    await expect(needSpace(folder, 1e18)).rejects.toThrow(/1000000000\.0 GB needed, [\d.]+ GB free/);
  });
});

describe('the lock of a set-up', () => {
  const lock = (): string => join(folder, 'setup.lock');

  it('lets one set-up run after the other', async () => {
    const events: string[] = [];
    const work = (name: string) => async (): Promise<void> => {
      events.push(`${name} begins`);
      await sleep(50);
      events.push(`${name} ends`);
    };
    await Promise.all([withCacheLock(log, work('a')), withCacheLock(log, work('b'))]);
    expect(events.map((event) => event.split(' ')[1])).toEqual(['begins', 'ends', 'begins', 'ends']);
    expect(lines.join()).toContain(`process ${process.pid} on ${hostname()}`);
    expect(await readdir(folder)).toEqual([]);
  });

  it('is given back when the work fails', async () => {
    await expect(withCacheLock(log, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await readdir(folder)).toEqual([]);
  });

  it('is taken over from a process that is gone, and from a file cut off', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    await writeFile(lock(), JSON.stringify({ pid, host: hostname() }));
    expect(await withCacheLock(log, () => Promise.resolve('done'))).toBe('done');
    expect(lines.join()).toContain('the set-up that made it is gone');
    await writeFile(lock(), '{"pid":');
    await utimes(lock(), 1, 1);
    expect(await withCacheLock(log, () => Promise.resolve('done'))).toBe('done');
  });

  it('names this process while it is held', async () => {
    await withCacheLock(log, async () => {
      expect(JSON.parse(await readFile(lock(), 'utf8'))).toEqual({ pid: process.pid, host: hostname() });
    });
  });
});
