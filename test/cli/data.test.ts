import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { run } from '../../cli/program.js';
import { decodeImage } from '../../src/data/decode.js';
import { FIXTURES } from '../data/helpers/images.js';
import { temporaryFolders } from '../data/helpers/shards.js';

const temporary = temporaryFolders();
let folder: string;
let stdout = '';
let stderr = '';

beforeEach(async () => {
  folder = await temporary();
  vi.stubEnv('RECNEXT_CACHE', join(folder, 'cache'));
  for (const name of ['ant', 'bee']) {
    await mkdir(join(folder, 'in', name), { recursive: true });
    for (const file of ['420.jpg', 'gray.png'])
      await copyFile(join(FIXTURES, file), join(folder, 'in', name, file));
  }
  stdout = stderr = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((stdout += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((stderr += String(text)), true));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const recnext = (...args: string[]): Promise<number> => run(['node', 'recnext', ...args]);

describe('recnext shards', () => {
  it('packs, and prints a result that opens the shards', async () => {
    const out = join(folder, 'out/train-{000..}.tar');
    expect(await recnext('shards', join(folder, 'in'), '--out', out, '--max-count', '3', '--json')).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      shards: 2,
      samples: 4,
      kept: 0,
      data: join(folder, 'out/train-{000..001}.tar'),
    });
    stdout = '';
    expect(await recnext('data', 'check', join(folder, 'out/train-{000..001}.tar'), '--json')).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ samples: 4, numClasses: 2, contradictions: 2, broken: [] });
  });

  it.each([['10X'], ['0'], ['-1M'], ['M']])('refuses a size of %s', async (size) => {
    expect(await recnext('shards', folder, '--out', 'x-{00..}.tar', `--max-size=${size}`)).toBe(2);
    expect(stderr).toMatch(/expected a number of bytes, as 512M or 1G/);
  });
});

describe('recnext data', () => {
  it('check fails with the names of what is broken', async () => {
    await writeFile(join(folder, 'in/bee/none.jpg'), '');
    expect(await recnext('data', 'check', join(folder, 'in'))).toBe(1);
    expect(stdout).toMatch(/broken images: 1\n.*none\.jpg is empty \(0 bytes\)/);
    expect(stderr).toMatch(/error: .* 1 of 5 images are broken: replace or remove them\.\n$/);
  });

  it('show writes a sheet with the options of train', async () => {
    const file = join(folder, 'sheet.png');
    const options = ['--input-size', '64', '--views', '2', '--samples', '3', '--aa', 'none', '--reprob', '1'];
    expect(await recnext('data', 'show', join(folder, 'in'), '-o', file, ...options, '--json')).toBe(0);
    const { width, height } = await decodeImage(await readFile(file), file);
    expect([width, height]).toEqual([4 + 3 * 68, 4 + 3 * 86]);
    expect(JSON.parse(stdout)).toMatchObject({
      file,
      views: 2,
      samples: [{ label: 0 }, { label: 0 }, { label: 1 }],
    });
  });

  it('show refuses an option that is wrong', async () => {
    expect(
      await recnext('data', 'show', join(folder, 'in'), '-o', join(folder, 'x.png'), '--reprob', '2'),
    ).toBe(2);
    expect(stderr).toMatch(/--reprob: .* found 2/);
  });
});
