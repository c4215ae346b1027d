import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { colorFolders } from './helpers/color-folders.js';
import { runCli } from './helpers/run-cli.js';

describe('options of train', () => {
  let dir: string;
  let data: string;
  let other: string;
  const common = ['--backend', 'node', '--quiet'];
  const path = (name: string) => join(dir, name);
  const small = [
    '--preset',
    'cpu-small',
    '--input-size',
    16,
    '--batch-size',
    4,
    '--epochs',
    1,
    '--warmup-epochs',
    0,
  ];
  const train = (...args: (string | number)[]) =>
    runCli('train', '--model', 'recnext_m0', '--data', data, ...small, ...args, ...common);

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-options-'));
    data = await colorFolders(path('data'), { train: 4, val: 1 });
    other = await colorFolders(path('other'), { train: 3, val: 1 });
  });
  afterAll(() => rm(dir, { recursive: true }));

  it('--print-config prints defaults, preset and flags as one file, and does nothing', async () => {
    const { code, stdout } = await train(
      '--lr',
      0.5,
      '--freeze',
      'stem',
      'stages.0',
      '-o',
      path('none'),
      '--print-config',
    );
    expect(code).toBe(0);
    expect(parse(stdout)).toMatchObject({
      'input-size': 16,
      lr: 0.5,
      aa: 'none',
      freeze: ['stem', 'stages.0'],
      smoothing: 0.1,
    });
    expect(existsSync(path('none'))).toBe(false);
  });

  it('--dry-run says what a run would be, from real steps, and writes nothing', async () => {
    const { code, stdout } = await train(
      '--epochs',
      3,
      '--freeze',
      'stem',
      '-o',
      path('none'),
      '--dry-run',
      '--json',
    );
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Record<string, number> & { learningRates: number[] };
    expect(report).toMatchObject({ images: 12, validationImages: 3, batchesPerEpoch: 3, updates: 9 });
    expect(report.learningRates).toHaveLength(3);
    expect(report.trainedParameters).toBeLessThan(report.parameters!);
    for (const key of [
      'secondsPerBatch',
      'imagesPerSecond',
      'epochSeconds',
      'runSeconds',
      'stateBytes',
      'peakBytes',
    ])
      expect(report[key], key).toBeGreaterThan(0);
    expect(existsSync(path('none'))).toBe(false);
    const text = await train('--dry-run');
    expect(text.stdout).toMatch(/^steps: +3 batches an epoch, 3 updates$/m);
    expect(text.stdout).toMatch(/^pipeline: +padded by 4 and cropped to 16/m);
  });

  it('a resume with other data or options says what differs, and goes on where that is safe', async () => {
    expect((await train('-o', path('run'), '--epochs', 2)).code).toBe(0);
    const config = await readFile(path('run/config.yaml'), 'utf8');
    expect(config).toMatch(/^# engine eager, backend node, device cpu, threads \d+, Node\.js /);
    const resume = (...args: (string | number)[]) =>
      runCli('train', '--resume', path('run'), ...args, ...common);

    const refused = await resume('--data', other);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /not the data that the run was training on \(images of an epoch: 8, was 12\).*--force-resume/,
    );
    const two = await colorFolders(path('two'), { train: 4, val: 1 });
    for (const split of ['train', 'val']) await rm(join(two, split, 'red'), { recursive: true });
    const classes = await resume('--data', two, '--force-resume');
    expect(classes).toMatchObject({ code: 1, stdout: '' });
    expect(classes.stderr).toMatch(
      /epoch-0002 has 3 classes, .*two has 2: .*new run from its weights with --finetune/,
    );
    const longer = await resume('--epochs', 3);
    expect(longer).toMatchObject({ code: 2, stdout: '' });
    expect(longer.stderr).toMatch(
      /--epochs 3 is not what the run has \(epochs: 2 in .*change it with --force-resume/,
    );
    const forbidden = await resume('--opt', 'sgd', '--force-resume');
    expect(forbidden).toMatchObject({ code: 2 });
    expect(forbidden.stderr).toMatch(/--opt sgd is not what the run has .*cannot be gone on with so/);
    expect(await readFile(path('run/config.yaml'), 'utf8')).toBe(config);

    const forced = await resume('--epochs', 3, '--data', other, '--force-resume', '--json');
    expect(forced.code, forced.stderr).toBe(0);
    expect(JSON.parse(forced.stdout)).toMatchObject({ epochs: 3, steps: 8 });
    const log = (await readFile(path('run/log.txt'), 'utf8')).trimEnd().split('\n');
    expect(log).toHaveLength(3);
  });

  it.each([
    [
      'an unknown preset',
      ['--preset', 'budget'],
      2,
      /There is no preset "budget"\. .*Presets: reference-300e, budget-16e/,
    ],
    ['what goes alone', ['--dry-run', '--print-config'], 2, /goes alone/],
    [
      'a frozen nothing',
      ['--freeze', 'stage.0'],
      2,
      /--freeze stage\.0: recnext_m0 has no module or parameter of that name\. Did you mean "stages\.0"/,
    ],
    [
      'more batches than there are',
      ['--overfit-batches', 9],
      1,
      /--overfit-batches 9: 36 images are needed, .* has 12/,
    ],
    [
      'weights of no class',
      ['--class-weights', 'blanced'],
      1,
      /--class-weights blanced: cannot be read .*Give a YAML file, or "balanced"/,
    ],
    ['a policy that is none', ['--aa', 'rand-m9-mstd0.5-inc1-x'], 2, /rand-m9-mstd0\.5-inc1-x/],
  ] as [string, (string | number)[], number, RegExp][])('refuses %s', async (_, args, code, message) => {
    const result = await train('-o', path('refused'), ...args);
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toMatch(message);
    expect(result.stderr.trim().split('\n')).toHaveLength(1);
    expect(existsSync(path('refused'))).toBe(false);
  });

  it('--overfit-batches learns its batches by heart, and scores them alone', async () => {
    const result = await train(
      '--overfit-batches',
      1,
      '--batch-size',
      6,
      '--lr',
      0.2,
      '--epochs',
      8,
      '-o',
      path('overfit'),
      '--json',
    );
    expect(result.code, result.stderr).toBe(0);
    // In evaluation running statistics follow only later: ten steps move them by two thirds of the way.
    const line = (await readFile(path('overfit/log.txt'), 'utf8')).trimEnd().split('\n').at(-1)!;
    expect(JSON.parse(line)).toMatchObject({ train_acc1: 100 });
  }, 120_000);
});
