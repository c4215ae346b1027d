import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPerClass } from '../../src/eval/per-class.js';
import { describeBackends } from '../helpers/backends.js';
import { fakeRun } from '../report/helpers.js';
import { colorFolders } from './helpers/color-folders.js';
import { runCli } from './helpers/run-cli.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'recnext-report-cli-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('recnext report', () => {
  it('writes a page and says so', async () => {
    const runs = [await fakeRun(join(dir, 'a')), await fakeRun(join(dir, 'b'))];
    const { code, stdout } = await runCli('report', ...runs, '-o', join(dir, 'report.html'), '--json');
    expect(code).toBe(0);
    const page = await readFile(join(dir, 'report.html'), 'utf8');
    expect(JSON.parse(stdout)).toEqual({
      file: join(dir, 'report.html'),
      bytes: Buffer.byteLength(page),
      runs: ['a', 'b'],
    });
  });

  it.each([
    ['no run', () => ['report'], 2, /missing required argument 'run'/],
    ['a run that is not there', () => ['report', join(dir, 'none')], 1, /none does not exist: expected the folder of a run/],
    ['images without a reason', () => ['report', dir, '--data', dir], 2, /--data says what to evaluate: it needs --per-class/],
  ])('refuses %s', async (_title, args, code, message) => {
    const result = await runCli(...args(), '-o', join(dir, 'refused.html'));
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toMatch(message);
    expect(existsSync(join(dir, 'refused.html'))).toBe(false);
  }); // prettier-ignore
});

describeBackends(['node'], 'results by class', (backend) => {
  it('come from the best weights of a run and its own validation images', async () => {
    const data = await colorFolders(join(dir, 'data'), { train: 8, val: 0 });
    await rm(join(data, 'val'), { recursive: true });
    const run = join(dir, 'run');
    const common = ['--backend', backend, '--quiet'];
    const trained = await runCli(
      'train', '--model', 'recnext_m0', '--data', join(data, 'train'), '--val-split', 0.25, '--preset', 'cpu-small', '--input-size', 16,
      '--batch-size', 6, '--epochs', 2, '-o', run, '--json', ...common,
    ); // prettier-ignore
    expect(trained.code, trained.stderr).toBe(0);
    const { top1, ema } = JSON.parse(trained.stdout) as { top1: number; ema: { top1: number } };

    const { code, stderr } = await runCli(
      'report',
      run,
      '--per-class',
      '-o',
      join(dir, 'classes.html'),
      ...common,
    );
    expect(code, stderr).toBe(0);
    const perClass = (await readPerClass(join(run, 'per-class.json')))!;
    expect(perClass.classes.map(({ name, images }) => [name, images])).toEqual([['blue', 2], ['green', 2], ['red', 2]]); // prettier-ignore
    const right = perClass.classes.reduce((sum, of) => sum + (of.top1! * of.images) / 100, 0);
    const log = (await readFile(join(run, 'log.txt'), 'utf8')).trimEnd().split('\n');
    const scores = log.flatMap((line) => {
      const { test_acc1, test_ema_acc1 } = JSON.parse(line) as Record<string, number>;
      return [test_acc1!, test_ema_acc1!];
    });
    expect(scores).toEqual(expect.arrayContaining([top1, ema.top1]));
    expect((100 * right) / 6).toBeCloseTo(Math.max(...scores), 9);
    const mistakes = perClass.confused.reduce((sum, { count }) => sum + count, 0);
    expect(right + mistakes).toBeCloseTo(6, 9);
    for (const { examples } of perClass.confused)
      for (const { name, thumbnail } of examples) {
        expect(existsSync(name)).toBe(true);
        expect(thumbnail).toMatch(/^data:image\/jpeg;base64,/);
      }
    const page = await readFile(join(dir, 'classes.html'), 'utf8');
    expect(page).toContain('>green<');

    const file = join(dir, 'all.json');
    const all = await runCli(
      'eval',
      '--weights',
      join(run, 'best'),
      '--data',
      join(data, 'train'),
      '--per-class',
      file,
      '--json',
      ...common,
    );
    expect(all.code, all.stderr).toBe(0);
    expect(JSON.parse(all.stdout)).toMatchObject({ images: 24, perClass: file });
    expect((await readPerClass(file))!.classes.map(({ images }) => images)).toEqual([8, 8, 8]);
    expect(existsSync(join(run, 'tensorboard'))).toBe(true);
  });
});
