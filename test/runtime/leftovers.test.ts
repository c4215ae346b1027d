import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFolder } from '../../src/runtime/write-folder.js';
import { buildForNode } from '../helpers/build-for-node.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recnext-leftovers-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The number of a process that has ended. */
const gone = (): number => spawnSync(process.execPath, ['-e', '']).pid;

async function make(name: string): Promise<void> {
  await mkdir(join(folder, name, 'inner'), { recursive: true });
  await writeFile(join(folder, name, 'inner', 'file'), name);
}

const write = (replace = true): Promise<void> =>
  writeFolder(join(folder, 'model'), (path) => writeFile(join(path, 'new'), ''), { replace });

describe('what a killed process left of a folder', () => {
  it('goes when the folder is written again', async () => {
    await make(`model.tmp-${gone()}`);
    await make(`model.old.tmp-${gone()}`);
    await make('model');
    await write();
    expect(await readdir(folder)).toEqual(['model']);
    expect(await readdir(join(folder, 'model'))).toEqual(['new']);
  });

  it('stays while its process lives, and so does everything of other names', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      const others = [
        `model.tmp-${child.pid}`,
        `model2.tmp-${gone()}`,
        `model.tmp-${gone()}x`,
        `my.model.tmp-${gone()}`,
        'model.tmp-',
      ];
      for (const name of others) await make(name);
      await write();
      expect(await readdir(folder)).toEqual([...others, 'model'].sort());
    } finally {
      child.kill();
    }
  });

  it('is put back where the kill came between the old folder and the new', async () => {
    await make(`model.old.tmp-${gone()}`);
    await write(false);
    expect(await readdir(folder)).toEqual(['model']);
    expect(await readFile(join(folder, 'model', 'inner', 'file'), 'utf8')).toMatch(/^model\.old/);
  });

  it('of a process that is killed in the middle of it goes as well', async () => {
    const { folder: built, script } = await buildForNode('src/runtime/write-folder.ts');
    try {
      const path = join(folder, 'model');
      const body = `
        import { writeFolder } from ${JSON.stringify(pathToFileURL(script).href)};
        await writeFolder(${JSON.stringify(path)}, () => {
          console.log('filling');
          return new Promise((resolve) => setTimeout(resolve, 60_000));
        });`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', body]);
      const ended = new Promise((resolve) => child.on('exit', resolve));
      await new Promise((resolve) => child.stdout.once('data', resolve));
      child.kill('SIGKILL');
      await ended;
      expect(await readdir(folder)).toEqual([`model.tmp-${child.pid}`]);
      await write();
      expect(await readdir(folder)).toEqual(['model']);
    } finally {
      await rm(built, { recursive: true });
    }
  }, 60_000);
});
