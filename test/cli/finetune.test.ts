import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { finetune } from '../../src/finetune/finetune.js';
import { describeBackends } from '../helpers/backends.js';
import { colorFolders } from './helpers/color-folders.js';
import { runCli } from './helpers/run-cli.js';

describeBackends(['node'], 'recnext finetune', (backend) => {
  let dir: string;
  let photos: string;
  let weights: string;
  const common = ['--backend', backend, '--quiet'];
  // Few updates: what is tested is the way, not how well it learns.
  const short = ['--epochs', 2, '--warmup-epochs', 0, '--batch-size', 6];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-finetune-'));
    const folders = await colorFolders(join(dir, 'folders'), { train: 8, val: 2 });
    photos = join(folders, 'train');
    const trained = await runCli(
      'train', '--model', 'recnext_m0', '--data', folders, '--preset', 'cpu-small', '--input-size', 16, '--batch-size', 6, '--epochs', 1, '--warmup-epochs', 0,
      '-o', join(dir, 'pretrained'), ...common,
    ); // prettier-ignore
    expect(trained.code, trained.stderr).toBe(0);
    await writeFile(join(photos, 'red/broken.jpg'), 'not a picture');
    weights = join(dir, 'pretrained/best');
  });
  afterAll(() => rm(dir, { recursive: true }));

  it('makes a classifier of a folder of pictures, and goes on with it when told again', async () => {
    const run = join(dir, 'run');
    const args = ['finetune', photos, '--from', weights, ...short, '-o', run, ...common, '--json'];
    const { code, stdout, stderr } = await runCli(...args);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(
      /broken\.jpg is not an image[^\n]*\nwarning: 1 pictures cannot be read and are left out\./,
    );
    const result = JSON.parse(stdout) as Record<string, unknown> & {
      finished: { weights: string; top1: number; web: string; report: string };
    };
    expect(result).toMatchObject({
      epochs: 2,
      steps: 6,
      stopped: false,
      folder: run,
      classes: 3,
      images: 24,
      skipped: 1,
    });
    const { finished } = result;
    expect(finished.web).toBe(join(run, 'web'));
    expect((await readdir(finished.web)).sort()).toEqual(
      expect.arrayContaining(['README.md', 'classes.txt', 'model.json']),
    );
    expect(await readFile(join(finished.web, 'classes.txt'), 'utf8')).toBe('blue\ngreen\nred\n');
    expect(await readFile(finished.report, 'utf8')).toContain('>green<');
    const config = await readFile(join(run, 'config.yaml'), 'utf8');
    expect(config).toMatch(/^val-split: 0\.15$/m);
    expect(config).toMatch(/^input-size: 16$/m);

    const again = await runCli(...args);
    expect(again.code, again.stderr).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ epochs: 2, steps: 6, finished });
    const other = await runCli(...args, '--lr', 9);
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/--lr 9 is not what the run has/);
  });

  it('a run that is stopped has no web folder yet, and ends as one that never was', async () => {
    const options = (name: string) => ({
      photos,
      from: weights,
      flags: { epochs: 2, warmupEpochs: 0, batchSize: 6, outputDir: join(dir, name), tensorboard: false },
    });
    const losses: number[][] = [[], []];
    const hooks = (into: number[], signal?: AbortSignal, onStep?: () => void) => ({
      notice: () => undefined,
      signal,
      onStep: ({ loss }: { loss: number }) => {
        into.push(loss);
        onStep?.();
      },
    });
    const stop = new AbortController();
    const stopped = await finetune(
      options('stopped'),
      hooks(losses[0]!, stop.signal, () => losses[0]!.length === 4 && stop.abort()),
    );
    expect(stopped).toMatchObject({ stopped: true, steps: 4 });
    expect(stopped.finished).toBeUndefined();
    expect(existsSync(join(dir, 'stopped/web'))).toBe(false);
    const resumed = await finetune(options('stopped'), hooks(losses[0]!));
    const whole = await finetune(options('whole'), hooks(losses[1]!));
    expect(losses[0]).toHaveLength(6);
    expect(losses[0]).toEqual(losses[1]);
    expect(resumed.finished!.loss).toBe(whole.finished!.loss);
    expect(existsSync(resumed.finished!.web)).toBe(true);
  });

  it.each([
    ['an unknown model', () => [photos, '--from', 'recnext_m7'], 2, /unknown model "recnext_m7"\. Did you mean/],
    ['weights that are not there', () => [photos, '--from', join(dir, 'none.pth')], 1, /none\.pth/],
    ['weights that are folded', () => [photos, '--from', join(dir, 'run/web')], 1, /its batch norms are folded, it can no longer be trained/],
    ['a share that is none', () => [photos, '--from', weights, '--val-split', 2], 2, /--val-split/],
    ['a folder that is not there', () => [join(dir, 'none'), '--from', weights], 1, /none does not exist/],
    ['no model', () => [photos], 2, /required option '--from <model>'/],
  ])('refuses %s', async (_title, args, code, message) => {
    const result = await runCli('finetune', ...args(), '-o', join(dir, 'refused'), ...common);
    expect(result.code, result.stderr).toBe(code);
    expect(result.stderr).toMatch(message);
    expect(existsSync(join(dir, 'refused'))).toBe(false);
  }); // prettier-ignore

  it('says what to do where published weights cannot be reached', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    vi.stubEnv('HF_HUB_CACHE', join(dir, 'hub'));
    try {
      const result = await runCli(
        'finetune',
        photos,
        '--from',
        'recnext_m1',
        '-o',
        join(dir, 'refused'),
        ...common,
      );
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/recnext_m1\.dist_300e_in1k.*HF_HUB_OFFLINE/);
      expect(existsSync(join(dir, 'refused'))).toBe(false);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
