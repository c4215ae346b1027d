import * as tf from '@tensorflow/tfjs';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/convert/files.js';
import { UserError } from '../../src/errors.js';
import { learningRate } from '../../src/train/schedule.js';
import type { StepInfo } from '../../src/train/train.js';
import { describeBackends } from '../helpers/backends.js';
import { TinyModel } from './helpers/tiny-model.js';
import { logOf, tinyRun } from './helpers/tiny-run.js';

describeBackends(['cpu', 'node'], 'training run', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-run-'));
  });
  afterEach(() => rm(dir, { recursive: true }));
  const readTensors = async (file: string) => (await openCheckpoint(file)).tensors;
  const path = (name: string) => join(dir, name);

  it('learns, logs every epoch with the fields of the reference, keeps three checkpoints and the best weights', async () => {
    const steps: StepInfo[] = [];
    const result = await tinyRun(
      path('run'),
      { onStep: (info) => steps.push(info) },
      { config: { epochs: 5 } },
    );
    expect(result).toMatchObject({ epochs: 5, steps: 15, stopped: false });
    expect(new Set(result.model.draws).size).toBe(15);

    const lines = (await readFile(logOf(path('run')), 'utf8')).trimEnd().split('\n');
    const log = lines.map((line) => JSON.parse(line) as Record<string, number>);
    expect(log.map((line) => line.epoch)).toEqual([0, 1, 2, 3, 4]);
    expect(log[4]!.train_loss).toBeLessThan(log[0]!.train_loss! * 0.95);
    expect(Object.keys(log[0]!)).toEqual([
      'train_lr',
      'train_loss',
      'train_acc1',
      'train_teacher_acc1',
      'test_loss',
      'test_acc1',
      'test_acc5',
      'test_ema_loss',
      'test_ema_acc1',
      'test_ema_acc5',
      'epoch',
      'n_parameters',
    ]);
    const schedule = {
      warmupLr: 1e-3,
      minLr: 1e-5,
      warmupEpochs: 1,
      lr: 0.64,
      globalBatchSize: 8,
      epochs: 5,
    };
    log.forEach((line, epoch) => {
      expect(line.train_lr).toBe(learningRate(schedule, epoch));
      const losses = steps.filter((step) => step.epoch === epoch).map((step) => step.loss);
      expect(line.train_loss).toBeCloseTo(losses.reduce((a, b) => a + b) / 3, 12);
      expect(line.n_parameters).toBe(6 * 27 + 12 + 6 * 9 + 2 * (24 + 4));
    });

    expect(await readdir(join(path('run'), 'checkpoints'))).toEqual([
      'epoch-0003',
      'epoch-0004',
      'epoch-0005',
    ]);
    for (const [name, field] of [
      ['best', 'test_acc1'],
      ['best-ema', 'test_ema_acc1'],
    ] as const) {
      const scores = log.map((line) => line[field]!);
      const lossField = field.replace('acc1', 'loss');
      const best = result.best[name === 'best' ? 'raw' : 'ema']!;
      // Of equal top-1 the lower loss is better.
      const ranked = [...log].sort((a, b) => b[field]! - a[field]! || a[lossField]! - b[lossField]!);
      expect(best).toEqual({
        epoch: ranked[0]!.epoch,
        top1: Math.max(...scores),
        loss: ranked[0]![lossField],
      });
      expect(existsSync(join(path('run'), name, 'config.json'))).toBe(true);
      new TinyModel().loadStateDict(await readTensors(join(path('run'), name, 'model.safetensors')));
    }
    expect(existsSync(join(path('run'), 'run.lock'))).toBe(false);
  });

  it('resumed at any step equals the uninterrupted run: losses, log, weights, average and moments, bit by bit', async () => {
    const whole: number[] = [];
    await tinyRun(path('whole'), { onStep: ({ loss }) => whole.push(loss) });
    expect(whole).toHaveLength(12);

    // Stop after each of the steps in turn: inside an epoch, at its end, in the first and the last one.
    for (const stopAt of [1, 3, 5, 11, 12]) {
      const run = path(`stopped-${stopAt}`);
      const losses: number[] = [];
      const controller = new AbortController();
      const first = await tinyRun(run, {
        signal: controller.signal,
        onStep: ({ loss }) => {
          if (losses.push(loss) === stopAt) controller.abort();
        },
      });
      expect(first).toMatchObject({ stopped: true, steps: stopAt });
      const second = await tinyRun(run, { onStep: ({ loss }) => losses.push(loss) }, { resume: true });
      expect(second).toMatchObject({ stopped: false, epochs: 4, steps: 12 });
      expect(losses).toEqual(whole);
      await expectSameRun(run, path('whole'));
    }
  });

  it('stopped while validating, it goes on with the validation', async () => {
    await tinyRun(path('whole'));
    const controller = new AbortController();
    let seen = 0;
    const first = await tinyRun(path('run'), {
      signal: controller.signal,
      onValidate: () => {
        if (++seen === 3) controller.abort();
      },
    });
    expect(first).toMatchObject({ stopped: true, epochs: 0, steps: 3 });
    await tinyRun(path('run'), {}, { resume: true });
    await expectSameRun(path('run'), path('whole'));
  });

  it('a finished run, resumed, is scored and left as it is', async () => {
    const first = await tinyRun(path('run'));
    const log = await readFile(logOf(path('run')), 'utf8');
    const second = await tinyRun(path('run'), { onStep: () => expect.fail('a step') }, { resume: true });
    expect(second).toMatchObject({ steps: 12, raw: { top1: first.raw!.top1, loss: first.raw!.loss } });
    expect(await readFile(logOf(path('run')), 'utf8')).toBe(log);
  });

  it('stops on a loss that is not a number, naming the samples and the last checkpoint', async () => {
    const config = { lr: 1e30, clipGrad: 0, warmupLr: 1e-3, warmupEpochs: 1 };
    const failure = tinyRun(path('run'), {}, { config });
    await expect(failure).rejects.toThrow(UserError);
    await expect(failure).rejects.toThrow(
      /Epoch 2, step 1: the loss is (NaN|Infinity).*checkpoint is .*epoch-0002\..* sample-\d+, sample-/,
    );
    expect(existsSync(join(path('run'), 'run.lock'))).toBe(false);
  });

  it('keeps the number of tensors from step to step and gives all back at the end', async () => {
    const start = tf.memory().numTensors;
    const counts: number[] = [];
    const { model } = await tinyRun(path('run'), { onStep: () => counts.push(tf.memory().numTensors) });
    expect(new Set(counts).size).toBe(1);
    model.dispose();
    expect(tf.memory().numTensors).toBe(start);
  });

  async function expectSameRun(a: string, b: string): Promise<void> {
    expect(await readFile(logOf(a), 'utf8')).toBe(await readFile(logOf(b), 'utf8'));
    for (const file of ['model', 'ema', 'optimizer'])
      expect(await readTensors(join(a, `checkpoints/epoch-0004/${file}.safetensors`))).toEqual(
        await readTensors(join(b, `checkpoints/epoch-0004/${file}.safetensors`)),
      );
    expect(await readFile(join(a, 'checkpoints/epoch-0004/state.json'), 'utf8')).toBe(
      await readFile(join(b, 'checkpoints/epoch-0004/state.json'), 'utf8'),
    );
  }
});
