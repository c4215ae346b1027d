import { mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { colorFolders } from './helpers/color-folders.js';
import { runCli, type CliRun } from './helpers/run-cli.js';

/** What users do wrong: one line that says what, where and what to do, the right exit code, and nothing lost. */
describe('bad input', () => {
  let folder: string;
  let data: string;
  let one: string;
  const common = ['--backend', 'cpu', '--quiet'];
  const training = [
    '--model',
    'recnext_m0',
    '--input-size',
    '16',
    '--batch-size',
    '3',
    '--epochs',
    '1',
    '--warmup-epochs',
    '0',
    '--mixup',
    '0',
    '--cutmix',
    '0',
  ];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'recnext-bad-'));
    data = await colorFolders(join(folder, 'data'), { train: 1, val: 1 });
    one = join(folder, 'one');
    mkdirSync(join(one, 'only'), { recursive: true });
    for (const name of ['a', 'b', 'c']) {
      writeFileSync(join(one, 'only', `${name}.png`), readFileSync(join(data, 'train', 'red', '0.png')));
    }
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  async function refused(code: 1 | 2, pattern: RegExp, ...args: string[]): Promise<void> {
    const run: CliRun = await runCli(...args, ...common);
    expect(run.stderr).toMatch(pattern);
    expect(run.stderr.trim().split('\n')).toHaveLength(1);
    expect(run).toMatchObject({ code, stdout: '' });
  }

  it('names a class too few', async () => {
    await refused(
      1,
      /^error: .*one has 1 class: a classifier needs two or more/,
      'train',
      ...training,
      '--data',
      one,
      '-o',
      join(folder, 'r1'),
    );
  });

  it('leaves a run alone when its resumption is refused', async () => {
    const run = join(folder, 'run');
    expect((await runCli('train', ...training, '--data', data, '-o', run, ...common)).code).toBe(0);
    const before = readFileSync(join(run, 'config.yaml'), 'utf8');
    await refused(1, /one has 1 class/, 'train', '--resume', run, '--data', one);
    expect(readFileSync(join(run, 'config.yaml'), 'utf8')).toBe(before);
    expect((await runCli('train', '--resume', run, ...common)).code).toBe(0);
  }, 120_000);

  it('names a folder that cannot be made, and a hub folder that is there', async () => {
    const weights = join(folder, 'run', 'best');
    await refused(
      1,
      /0\.png/,
      'convert',
      weights,
      '-o',
      join(data, 'train', 'red', '0.png', 'x'),
      '--no-verify',
    );
    const hub = join(folder, 'hub');
    expect((await runCli('convert', weights, '--to', 'hub', '-o', hub, '--no-verify', ...common)).code).toBe(
      0,
    );
    await refused(
      1,
      /holds a folder for a model hub/,
      'convert',
      weights,
      '--to',
      'hub',
      '-o',
      hub,
      '--no-verify',
    );
  });

  it('puts suggestions on the same line', async () => {
    await refused(2, /unknown option '--cvs' \(Did you mean --csv\?\)/, 'info', '--cvs');
    await refused(2, /unknown command 'trian' \(Did you mean train\?\)/, 'trian');
  });

  it('does not call features classes', async () => {
    const args = [
      'predict',
      join(data, 'val', 'red', '0.png'),
      '--model',
      'recnext_m0',
      '--random-weights',
      '--num-classes',
      '0',
    ];
    await refused(2, /predict needs a classifier/, ...args);
  });
});
