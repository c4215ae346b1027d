import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunFolder } from '../../src/train/run-folder.js';
import { writeFolder } from '../../src/runtime/write-folder.js';

let path: string;
const notices: string[] = [];
const notice = (line: string) => void notices.push(line);
beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'recnext-folder-')), 'run');
  notices.length = 0;
});
afterEach(() => rm(join(path, '..'), { recursive: true }));

/** A process number that no process has: far above what any system gives. */
const NOBODY = 2 ** 30;

describe('run folder', () => {
  it('refuses a folder that holds a run, and says what to do', async () => {
    (await RunFolder.create(path, 'a: 1\n', notice)).close();
    await expect(RunFolder.create(path, 'b: 1\n', notice)).rejects.toThrow(
      `${path} already holds a run: go on with it by --resume ${path}, or choose another folder with -o.`,
    );
    expect(await readFile(RunFolder.configFile(path), 'utf8')).toBe('a: 1\n');
    expect(existsSync(join(path, 'run.lock'))).toBe(false);
  });

  it('refuses to resume what is not a run', async () => {
    await mkdir(path);
    await expect(RunFolder.open(path, notice)).rejects.toThrow(
      `${path}: no run to resume (it has no config.yaml).`,
    );
  });

  it('says in one line that a folder cannot be made', async () => {
    await writeFile(path, 'a file');
    await expect(RunFolder.create(join(path, 'run'), '', notice)).rejects.toThrow(
      /run: cannot be written \(ENOTDIR/,
    );
  });

  it('is locked while it is used; the message names the process', async () => {
    const folder = await RunFolder.create(path, 'a: 1\n', notice);
    await expect(RunFolder.open(path, notice)).rejects.toThrow(
      `the folder is used by process ${process.pid} on ${hostname()}`,
    );
    folder.close();
    (await RunFolder.open(path, notice)).close();
    expect(notices).toEqual([]);
  });

  it.each([
    [
      'a process of this machine that is gone',
      JSON.stringify({ pid: NOBODY, host: hostname() }),
      ` ${NOBODY}`,
    ],
    [
      'an earlier process with our number',
      JSON.stringify({ pid: process.pid, host: hostname() }),
      ` ${process.pid}`,
    ],
    ['a lock cut off by a crash', '{"pid"', ''],
  ])('takes over the lock of %s, with a notice', async (_title, lock, owner) => {
    (await RunFolder.create(path, 'a: 1\n', notice)).close();
    await writeFile(join(path, 'run.lock'), lock);
    const folder = await RunFolder.open(path, notice);
    expect(notices).toEqual([
      `${join(path, 'run.lock')}: its process${owner} is gone; taking the folder over.`,
    ]);
    expect(JSON.parse(await readFile(join(path, 'run.lock'), 'utf8'))).toEqual({
      pid: process.pid,
      host: hostname(),
    });
    folder.close();
    expect(existsSync(join(path, 'run.lock'))).toBe(false);
  });

  it('leaves the lock of a process on another machine, and of a living one here', async () => {
    (await RunFolder.create(path, 'a: 1\n', notice)).close();
    for (const [pid, host] of [
      [NOBODY, 'elsewhere'],
      [process.ppid, hostname()],
    ]) {
      await writeFile(join(path, 'run.lock'), JSON.stringify({ pid, host }));
      await expect(RunFolder.open(path, notice)).rejects.toThrow(`used by process ${pid} on ${host}`);
    }
  });

  it('finds the last checkpoint, inside an epoch or after it, and refuses to fork from an earlier one', async () => {
    (await RunFolder.create(path, 'a: 1\n', notice)).close();
    expect(RunFolder.resolve(path)).toEqual({ folder: path, checkpoint: undefined });
    const at = (name: string) => join(path, 'checkpoints', name);
    for (const name of ['epoch-0002', 'epoch-0002-step-000010', 'epoch-0001', 'epoch-0003.tmp-77', 'notes']) {
      await mkdir(at(name));
      await writeFile(join(at(name), 'state.json'), '{}');
    }
    const last = { folder: path, checkpoint: at('epoch-0002-step-000010') };
    expect(RunFolder.resolve(path)).toEqual(last);
    expect(RunFolder.resolve(last.checkpoint)).toEqual(last);
    expect(() => RunFolder.resolve(at('epoch-0001'))).toThrow(
      `the run has gone on to epoch-0002-step-000010. Resume ${path}, or start a new run from these weights with --finetune.`,
    );
  });

  it('clears what a crash left, and nothing else', async () => {
    (await RunFolder.create(path, 'a: 1\n', notice)).close();
    for (const name of ['epoch-0001', 'epoch-0002.tmp-12']) await mkdir(join(path, 'checkpoints', name));
    (await RunFolder.open(path, notice)).close();
    expect(await readdir(join(path, 'checkpoints'))).toEqual(['epoch-0001']);
  });

  it('drops the log of epochs that will be done again, and a line that was cut off', async () => {
    const folder = await RunFolder.create(path, 'a: 1\n', notice);
    for (const epoch of [0, 1, 2]) await folder.log({ epoch });
    await writeFile(join(path, 'log.txt'), '{"epo', { flag: 'a' });
    await folder.trimLog(2);
    expect(await readFile(join(path, 'log.txt'), 'utf8')).toBe('{"epoch":0}\n{"epoch":1}\n');
    folder.close();
  });
});

describe('a folder written whole', () => {
  it('does not appear when filling it fails', async () => {
    await mkdir(path);
    const target = join(path, 'epoch-0001');
    const filling = writeFolder(target, async (temporary) => {
      await writeFile(join(temporary, 'half'), 'x');
      throw new Error('no more');
    });
    await expect(filling).rejects.toThrow('no more');
    expect(await readdir(path)).toEqual([]);
  });

  it('is left alone when it is already there', async () => {
    await mkdir(path);
    const fill = vi.fn(() => Promise.resolve());
    await writeFolder(path, fill);
    expect(fill).not.toHaveBeenCalled();
  });
});
