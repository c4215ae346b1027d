import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimPartial, releasePartial } from '../../../src/runtime/fetch/partial-file.js';

const HOST = hostname().replace(/[^\w-]/g, '-');
/** Beyond what systems give out. */
const GONE = 2 ** 22 + 1;

describe('unfinished files', () => {
  let folder: string;
  let target: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'recnext-partial-'));
    target = join(folder, 'blob');
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const leave = (owner: string, text: string): string => {
    const path = `${target}.${owner}.00000000.incomplete`;
    writeFileSync(path, text);
    return path;
  };

  it('belong to one of many that want them at once; the others get what it made', async () => {
    for (let round = 0; round < 10; round++) {
      const claims = Array.from({ length: 8 }, () => claimPartial(target, { pollMs: 2 }));
      const winner = await Promise.race(claims);
      expect(winner).toMatch(/\.incomplete$/);
      // Time enough for another to believe that it had won as well.
      await new Promise((resolve) => setTimeout(resolve, 20));
      renameSync(winner!, target);
      expect((await Promise.all(claims)).filter((claim) => claim !== undefined)).toEqual([winner]);
      rmSync(target);
    }
  });

  it('of a process that is gone, or that gave up, are taken over, the largest of them', async () => {
    leave(`${HOST}.${GONE}`, 'four');
    leave(`${HOST}.0`, 'three more');
    const mine = await claimPartial(target, { pollMs: 5 });
    expect(readFileSync(mine!, 'utf8')).toBe('three more');
    expect(readdirSync(folder)).toHaveLength(1);
    await releasePartial(target, mine!);
    expect(readFileSync((await claimPartial(target, { pollMs: 5 }))!, 'utf8')).toBe('three more');
  });

  it('of a live process are waited for, on this machine and on another', async () => {
    for (const owner of [`${HOST}.${process.pid}`, 'elsewhere.1']) {
      const theirs = leave(owner, 'half');
      let waits = 0;
      const claim = claimPartial(target, { pollMs: 2, onWait: () => waits++ });
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect([waits, readdirSync(folder)]).toEqual([1, [expect.stringContaining(owner)]]);
      renameSync(theirs, target);
      expect(await claim).toBeUndefined();
      rmSync(target);
    }
  });

  it('that nothing has come to for long, of a process that may live, are neither waited for nor touched', async () => {
    const theirs = leave(`${HOST}.${process.pid}`, 'stale');
    const anHourAgo = Date.now() / 1000 - 3600;
    utimesSync(theirs, anHourAgo, anHourAgo);
    const mine = await claimPartial(target, { pollMs: 5 });
    expect(readFileSync(mine!, 'utf8')).toBe('');
    expect(existsSync(theirs)).toBe(true);
  });

  it('can be waited for no longer than one wants', async () => {
    leave('elsewhere.1', 'half');
    const stop = new AbortController();
    const claim = claimPartial(target, { pollMs: 60_000, signal: stop.signal });
    const reason = new Error('stopped');
    setTimeout(() => stop.abort(reason), 10);
    await expect(claim).rejects.toBe(reason);
  });
});
