import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PerClass } from '../../src/eval/per-class.js';
import { describeBackends } from '../helpers/backends.js';
import { colorFolders } from './helpers/color-folders.js';
import { runCli } from './helpers/run-cli.js';

describeBackends(['node'], 'train, eval and predict', (backend) => {
  let dir: string;
  let data: string;
  let teacher: string;
  const common = ['--backend', backend, '--json', '--quiet'];
  const recipe = ['--input-size', 16, '--batch-size', 6, '--lr', 0.2, '--warmup-epochs', 0];
  const path = (name: string) => join(dir, name);
  const train = (output: string, ...more: (string | number)[]) =>
    runCli('train', '--model', 'recnext_m0', '--data', data, ...recipe, '-o', output, ...common, ...more);

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-cli-'));
    data = await colorFolders(join(dir, 'data'), { train: 8, val: 3 });
    teacher = join(path('teacher'), 'best');
    const { code, stdout, stderr } = await train(path('teacher'), '--epochs', 3, '--model-ema-decay', 0.9);
    expect(code, stderr).toBe(0);
    const result = JSON.parse(stdout) as Record<string, unknown>;
    expect(result).toMatchObject({
      epochs: 3,
      steps: 12,
      stopped: false,
      checkpoint: expect.any(String) as string,
    });
    for (const field of ['top1', 'top5', 'loss', 'seconds'])
      expect(result[field]).toEqual(expect.any(Number));
    expect(result.ema).toEqual({
      top1: expect.any(Number),
      top5: expect.any(Number),
      loss: expect.any(Number),
    });
  });
  afterAll(() => rm(dir, { recursive: true }));

  it('a trained folder is evaluated as training evaluated it, at its own image size', async () => {
    const log = (await readFile(join(path('teacher'), 'log.txt'), 'utf8')).trimEnd().split('\n');
    const scores = log.map((line) => JSON.parse(line) as { test_acc1: number; test_loss: number });
    // Of equal top-1 the lower loss is better.
    const [best] = scores.sort((a, b) => b.test_acc1 - a.test_acc1 || a.test_loss - b.test_loss) as [
      (typeof scores)[number],
    ];
    const { code, stdout } = await runCli('eval', '--weights', teacher, '--data', data, ...common);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as { loss: number; pipeline: { inputSize: number } };
    expect(report).toMatchObject({ model: 'recnext_m0', images: 9, top1: best.test_acc1, top5: 100, k: 3 });
    expect(report).toMatchObject({ backend, engine: 'eager', imagesPerSecond: expect.any(Number) as number });
    expect(report.pipeline.inputSize).toBe(16);
    expect(report.loss).toBeCloseTo(best.test_loss, 4);

    const fused = JSON.parse(
      (await runCli('eval', '--weights', teacher, '--data', data, '--fuse', ...common)).stdout,
    ) as {
      top1: number;
      loss: number;
    };
    expect(fused.top1).toBe(best.test_acc1);
    expect(fused.loss).toBeCloseTo(report.loss, 4);
  });

  it('its folder has the results by class of its best weights, as evaluation gives them', async () => {
    const kept = JSON.parse(await readFile(join(path('teacher'), 'per-class.json'), 'utf8')) as PerClass;
    expect([join(path('teacher'), 'best'), join(path('teacher'), 'best-ema')]).toContain(kept.weights);
    const file = path('per-class.json');
    const scored = await runCli(
      'eval',
      '--weights',
      kept.weights,
      '--data',
      data,
      '--per-class',
      file,
      ...common,
    );
    expect(scored.code, scored.stderr).toBe(0);
    const { classes, confused } = JSON.parse(await readFile(file, 'utf8')) as PerClass;
    expect(kept.classes).toEqual(classes);
    expect(classes.map(({ name }) => name)).toEqual(['blue', 'green', 'red']);
    const counts = (pairs: typeof confused) =>
      pairs.map(({ label, predicted, count, examples }) => [
        label,
        predicted,
        count,
        examples.map(({ name }) => name),
      ]);
    expect(counts(kept.confused)).toEqual(counts(confused));
    // The better of the two, and of equal ones that of the lower loss.
    const { top1 } = JSON.parse(scored.stdout) as { top1: number };
    const log = (await readFile(join(path('teacher'), 'log.txt'), 'utf8')).trimEnd().split('\n');
    const all = log.map((line) => JSON.parse(line) as { test_acc1: number; test_ema_acc1: number });
    expect(top1).toBe(Math.max(...all.flatMap((line) => [line.test_acc1, line.test_ema_acc1])));
  });

  it('distils, and goes on with a finished run by scoring it', async () => {
    const student = await train(path('student'), '--epochs', 1, '--teacher-path', teacher);
    expect(student.code, student.stderr).toBe(0);
    expect(await readFile(join(path('student'), 'config.yaml'), 'utf8')).toContain(
      'distillation-type: hard\n',
    );
    const again = await runCli('train', '--resume', path('student'), ...common);
    expect(again.code, again.stderr).toBe(0);
    const [first, second] = [student, again].map(
      ({ stdout }) => JSON.parse(stdout) as { loss: number; top1: number },
    );
    expect(second!.top1).toBe(first!.top1);
    expect(second!.loss).toBeCloseTo(first!.loss, 6);
  });

  it('fine-tunes to other classes with a new head, saying so', async () => {
    const two = await colorFolders(path('two'), { train: 8, val: 2 });
    for (const split of ['train', 'val']) await rm(join(two, split, 'green'), { recursive: true });
    const result = await runCli(
      'train', '--model', 'recnext_m0', '--data', two, '--finetune', teacher, ...recipe, '--epochs', 1, '-o', path('tuned'),
      '--backend', backend, '--set-bn-eval',
    ); // prettier-ignore
    expect(result.code, result.stderr).toBe(0);
    expect(result.stderr).toContain('the head is new');
    expect(result.stderr).toContain('no distillation: the reference distils');
    expect(result.stdout).toMatch(/^done after 1 epochs and 2 steps\ntop-1 /);
  });

  it('predicts a line an image, by name; what cannot be read is named and the others are done', async () => {
    await writeFile(path('text.png'), 'not a picture');
    const red = join(data, 'val/red/0.png');
    const result = await runCli(
      'predict',
      path('text.png'),
      red,
      path('none.png'),
      '--weights',
      teacher,
      '--logits',
      ...common,
    );
    expect(result.code).toBe(1);
    expect(result.stderr.trimEnd().split('\n')).toEqual([
      expect.stringContaining(`${path('text.png')} is not an image`) as string,
      expect.stringContaining(`${path('none.png')}: cannot be read`) as string,
      'error: 2 of 3 images could not be classified.',
    ]);
    const { file, top, logits } = JSON.parse(result.stdout) as {
      file: string;
      top: { index: number; label: string; probability: number }[];
      logits: number[];
    };
    expect(file).toBe(red);
    expect(logits).toHaveLength(3);
    expect(top.map(({ label }) => label).sort()).toEqual(['blue', 'green', 'red']);
    expect(top.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 9);
    expect(top[0]!.index).toBe(logits.indexOf(Math.max(...logits)));
  });

  it.each([
    ['no weights', () => ['eval', '--data', data], 2, /Weights are needed: give --weights .* --random-weights/],
    ['other classes', () => ['eval', '--data', data, '--weights', teacher, '--num-classes', 5], 1, /has 3 classes, --num-classes says 5/],
    ['class names that are too few', () => ['predict', 'x.png', '--weights', teacher, '--classes', path('text.png')], 1, /1 class names, expected one for each of the 3/],
    ['a run folder in use', () => ['train', '--model', 'recnext_m0', '--data', data, '-o', path('teacher'), '--epochs', 9], 1, /teacher already holds a run: go on with it by --resume/],
    ['an unknown model', () => ['train', '--model', 'recnext_m9', '--data', data, '--batch-size', 6], 2, /unknown model "recnext_m9"\. Did you mean "recnext_m0"/],
    ['a batch larger than the data', () => ['train', '--model', 'recnext_m0', '--data', data], 1, /has 24 images, fewer than one batch of 256: lower --batch-size/],
    ['a resume with another recipe', () => ['train', '--resume', path('teacher'), '--lr', 3], 2, /--lr 3 is not what the run has \(lr: 0\.2 in .*A resumed run keeps its configuration/],
    ['a resume of nothing', () => ['train', '--resume', data], 1, /no run to resume/],
    ['a teacher without weights', () => ['train', '--model', 'recnext_m0', '--data', data, '--teacher-model', 'recnext_m1'], 2, /needs its weights: give them with --teacher-path/],
    ['a misspelt option', () => ['train', '--learning-rat', 3], 2, /unknown option '--learning-rat'/],
    ['16 bits without a compiled graph', () => ['eval', '--data', data, '--weights', teacher, '--engine', 'eager', '--amp', 'bfloat16'], 2, /--amp bfloat16 works with --engine tensorflow only, found eager/],
    ['an engine that does not train', () => ['train', '--model', 'recnext_m0', '--data', data, '--engine', 'onnx'], 2, /--engine onnx runs models, it does not train them/],
  ])('refuses %s', async (_title, args, code, message) => {
    const result = await runCli(...args(), '--backend', backend, '--quiet');
    expect(result.code, result.stderr).toBe(code);
    expect(result.stderr).toMatch(message);
    expect(result.stdout).toBe('');
    expect(existsSync('checkpoints')).toBe(false);
  }); // prettier-ignore

  it('refuses a teacher of other classes and a validation set of other classes, before the first batch', async () => {
    const renamed = await colorFolders(path('renamed'), { train: 2, val: 2 });
    await rm(join(renamed, 'val/red'), { recursive: true });
    const lacking = await train(path('x'), '--val', join(renamed, 'val'));
    expect(lacking.code).toBe(1);
    expect(lacking.stderr).toMatch(/2 classes.*3/);
    const pair = await train(
      path('x'),
      '--data',
      join(renamed, 'val'),
      '--teacher-path',
      teacher,
      '--batch-size',
      2,
    );
    expect(pair.code).toBe(1);
    expect(pair.stderr).toMatch(
      /knows 3 classes, .* has 2: distillation needs a teacher of the same classes/,
    );
    expect(existsSync(path('x'))).toBe(false);
  });
});
