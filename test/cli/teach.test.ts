import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { colorFolders } from './helpers/color-folders.js';
import { runCli } from './helpers/run-cli.js';

describe('teach, and training from what was taught', { timeout: 180_000 }, () => {
  let dir: string;
  let data: string;
  let teacher: string;
  let common: (string | number)[];
  const path = (name: string) => join(dir, name);
  /** Everything that changes an image or its partner, and two batches an update. */
  const RECIPE = [
    ...['--input-size', 16, '--batch-size', 4, '--epochs', 3, '--warmup-epochs', 0, '--model-ema-decay', 0.9],
    ...['--mixup', 0.8, '--cutmix', 1, '--reprob', 0.5, '--grad-accum-steps', 2],
  ];
  const teach = (...args: (string | number)[]) => runCli('teach', ...common, ...RECIPE, ...args);
  const train = (...args: (string | number)[]) => runCli('train', ...common, ...RECIPE, ...args);
  const log = (run: string) => readFile(join(path(run), 'log.txt'), 'utf8');

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-teach-'));
    data = await colorFolders(path('data'), { train: 6, val: 1 });
    common = ['--model', 'recnext_m0', '--data', data, '--quiet', '--json'];
    const { code, stderr } = await runCli(
      ...['train', ...common, '--preset', 'cpu-small', '--input-size', 16, '--batch-size', 6, '--epochs', 2],
      ...['-o', path('teacher')],
    );
    expect(code, stderr).toBe(0);
    teacher = join(path('teacher'), 'best');
  });
  afterAll(() => rm(dir, { recursive: true }));

  it('--dry-run says how large it will be and how long it takes, and writes nothing', async () => {
    const cache = path('dry');
    const { code, stdout, stderr } = await teach(
      '--teacher-path',
      teacher,
      '--teacher-cache',
      cache,
      '--dry-run',
    );
    expect(code, stderr).toBe(0);
    // Repeated augmentation rounds 18 images to 4 batches of 4.
    expect(JSON.parse(stdout)).toMatchObject({ entries: 48, present: 0, bytes: 96, dir: cache });
    expect((JSON.parse(stdout) as { seconds: number }).seconds).toBeGreaterThan(0);
    expect(existsSync(cache)).toBe(false);
    const text = await runCli(
      'teach',
      ...common.slice(0, 4),
      ...RECIPE,
      '--teacher-path',
      teacher,
      '-o',
      cache,
      '--dry-run',
    );
    expect(text.stdout).toMatch(/^images: +48, 0 of them there$/m);
  });

  it.each(['eager', 'tensorflow'])(
    'training from the cache has the losses of the live teacher, on %s',
    async (engine) => {
      const cache = path(`cache-${engine}`);
      const on = ['--engine', engine];
      // As the reference's main.py spells its flags.
      const taught = await teach(...on, '--teacher_path', teacher, '--teacher_cache', cache);
      expect(taught.code, taught.stderr).toBe(0);
      expect(JSON.parse(taught.stdout)).toEqual({
        entries: 48,
        wanted: 48,
        bytes: 3 * (16 + 4 * 16),
        dir: cache,
        stopped: false,
      });
      expect(await readdir(cache)).toEqual([
        'epoch-0000.bin',
        'epoch-0001.bin',
        'epoch-0002.bin',
        'manifest.json',
      ]);

      const runs = [
        ['live', '--teacher-path', teacher],
        ['cached', '--teacher-cache', cache],
        ['both', '--teacher-path', teacher, '--teacher-cache', cache, '--teacher-cache-check', 3],
        ['filled', '--teacher-path', teacher, '--teacher-cache', path(`filled-${engine}`)],
      ] as const;
      for (const [name, ...args] of engine === 'eager' ? runs.slice(0, 2) : runs) {
        const run = await train(...on, ...args, '-o', path(`${name}-${engine}`));
        expect(run.code, run.stderr).toBe(0);
        expect(await log(`${name}-${engine}`), name).toBe(await log(`live-${engine}`));
      }
      if (engine === 'eager') return;
      for (const name of await readdir(cache))
        expect(await readFile(join(path(`filled-${engine}`), name))).toEqual(
          await readFile(join(cache, name)),
        );

      // Another student.
      const other = await train(
        ...on,
        '--model',
        'recnext_a0',
        '--teacher-cache',
        cache,
        '-o',
        path(`other-${engine}`),
      );
      expect(other.code, other.stderr).toBe(0);
    },
  );

  it('soft, all logits: the same losses', async () => {
    const soft = ['--distillation-type', 'soft', '--distillation-tau', 2];
    const cache = ['--teacher-cache', path('soft-cache')];
    expect((await teach(...soft, ...cache, '--teacher-path', teacher)).code).toBe(0);
    for (const [name, ...args] of [
      ['soft-live', '--teacher-path', teacher],
      ['soft-cached', ...cache],
    ] as const)
      expect((await train(...soft, ...args, '-o', path(name))).code).toBe(0);
    expect(await log('soft-cached')).toBe(await log('soft-live'));
  });

  it('goes on where it stood, and adds epochs', async () => {
    const cache = ['--teacher-path', teacher, '--teacher-cache', path('longer')];
    expect((await teach(...cache, '--epochs', 1)).code).toBe(0);
    const first = await readFile(path('longer/epoch-0000.bin'));
    await rm(path('longer/epoch-0000.bin'));
    expect(JSON.parse((await teach(...cache, '--epochs', 2)).stdout)).toMatchObject({ entries: 32 });
    expect(await readFile(path('longer/epoch-0000.bin'))).toEqual(first);
  });

  it('says what does not fit before anything is written', async () => {
    const cache = path('fits');
    expect((await teach('--teacher-path', teacher, '--teacher-cache', cache, '--epochs', 1)).code).toBe(0);
    const from = ['--teacher-cache', cache, '-o', path('refused')];
    const other = await colorFolders(path('other'), { train: 5, val: 1 });
    const cases: [(string | number)[], number, RegExp][] = [
      [[], 1, /the teacher cache has nothing of epoch 1, batch 0: give the teacher with --teacher-path/],
      [['--epochs', 1, '--mixup', 0.7], 1, /another run: mixup \(expected 0\.7, found 0\.8\)\. /],
      [['--epochs', 1, '--seed', 5], 1, /another run: seed \(expected 5, found 0\)/],
      [['--epochs', 1, '--input-size', 24], 1, /another run: sizes \(expected 0:24, found 0:16\)/],
      [['--epochs', 1, '--data', other], 1, /another run: images \(expected 15, found 18\); labels \(/],
      [
        ['--epochs', 1, '--teacher-path', join(path('teacher'), 'best-ema')],
        1,
        /another run: teacher weights \(expected [0-9a-f]{16}, found [0-9a-f]{16}\)\. /,
      ],
      [
        ['--epochs', 1, '--teacher-path', teacher, '--teacher-norm', '0-1'],
        1,
        /another run: teacher mean \(expected 0 0 0, found 0\.485/,
      ],
      [
        ['--epochs', 1, '--distillation-type', 'soft'],
        1,
        /what is kept \(expected all logits in float32 \(soft\), found classes \(hard\)\)/,
      ],
      [
        ['--epochs', 1, '--teacher-topk', 2],
        2,
        /--teacher-topk 2 is for --distillation-type soft, found hard/,
      ],
      [
        ['--epochs', 1, '--teacher-cache-check', 2],
        2,
        /--teacher-cache-check 2 compares a cache with its teacher: give --teacher-path as well/,
      ],
      [
        ['--epochs', 1, '--teacher-norm', '0-1', '--teacher-mean', 0, 0, 0, '--teacher-std', 1, 1, 1],
        2,
        /--teacher-norm 0-1 says what --teacher-mean/,
      ],
    ];
    for (const [args, code, message] of cases) {
      const result = await train(...args, ...from);
      expect(result, result.stderr).toMatchObject({ code, stdout: '' });
      expect(result.stderr).toMatch(message);
      expect(result.stderr.trim().split('\n')).toHaveLength(1);
      expect(existsSync(path('refused'))).toBe(false);
    }
    const nowhere = await teach('--teacher-path', teacher);
    expect(nowhere).toMatchObject({ code: 2, stdout: '' });
    expect(nowhere.stderr).toMatch(/Where to\?.*--teacher-cache/);
    const nobody = await teach('--teacher-cache', cache);
    expect(nobody).toMatchObject({ code: 2 });
    expect(nobody.stderr).toMatch(/Who teaches\?.*--teacher-path/);
  });
});
