import * as tf from '@tensorflow/tfjs';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Loader } from '../../src/data/index.js';
import { openCheckpoint } from '../../src/convert/files.js';
import type { RunConfigInput } from '../../src/train/config.js';
import type { StepInfo } from '../../src/train/train.js';
import { describeBackends } from '../helpers/backends.js';
import { syntheticSource } from './helpers/synthetic-source.js';
import { TinyModel } from './helpers/tiny-model.js';
import { logOf, tinyRun } from './helpers/tiny-run.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'recnext-recipe-'));
});
afterEach(() => rm(dir, { recursive: true }));
const path = (name: string) => join(dir, name);
const stateOf = async (run: string, epoch: number) =>
  Promise.all(
    ['model', 'ema', 'optimizer'].map(
      async (file) =>
        (await openCheckpoint(join(run, `checkpoints/epoch-000${epoch}/${file}.safetensors`))).tensors,
    ),
  );

/** The synthetic images, those of some batches (`epoch/step`) not numbers. */
function spoilt(...at: string[]): Loader {
  const source = syntheticSource({ samples: 24, batch: 8 });
  return {
    ...source,
    async *epoch(epoch, firstStep = 0) {
      let step = firstStep;
      for await (const batch of source.epoch(epoch, firstStep)) {
        if (at.includes(`${epoch}/${step++}`)) batch.images.fill(NaN, 0, 3);
        yield batch;
      }
    },
  };
}

describeBackends(['cpu', 'node'], 'options of the recipe', () => {
  const RECIPES: [string, Partial<RunConfigInput>][] = [
    ['mixed, with SGD', { mixup: 0.8, cutmix: 1, opt: 'sgd', lr: 0.05 }],
    ['two batches an update, LAMB', { gradAccumSteps: 2, opt: 'lamb', lr: 0.05 }],
    ['each image mixed by itself, Lion, a frozen stem', { mixup: 0.8, mixupMode: 'elem', opt: 'lion', lr: 0.01, freeze: ['stem', 'norm'] }], // prettier-ignore
  ];

  it.each(RECIPES)('resumed, %s, a run equals the uninterrupted one bit by bit', async (_, config) => {
    const whole: number[] = [];
    await tinyRun(path('whole'), { onStep: ({ loss }) => whole.push(loss) }, { config });
    for (const stopAt of [1, 4]) {
      const run = path(`stopped-${stopAt}`);
      const losses: number[] = [];
      const controller = new AbortController();
      const onStep = ({ loss }: StepInfo) => {
        if (losses.push(loss) === stopAt) controller.abort();
      };
      const first = await tinyRun(run, { signal: controller.signal, onStep }, { config });
      expect(first).toMatchObject({ stopped: true, steps: stopAt });
      await tinyRun(run, { onStep: ({ loss }) => losses.push(loss) }, { config, resume: true });
      expect(losses).toEqual(whole);
      expect(await readFile(logOf(run), 'utf8')).toBe(await readFile(logOf(path('whole')), 'utf8'));
      expect(await stateOf(run, 4)).toEqual(await stateOf(path('whole'), 4));
    }
  });

  it('two small batches an update equal one large one, where batch norms are frozen and nothing is drawn', async () => {
    const config = { setBnEval: true, epochs: 2, modelEma: false, clipGrad: 0 };
    const weightsOf = async (name: string, batch: number, more: Partial<RunConfigInput>) => {
      const train = syntheticSource({ samples: 24, batch });
      const run = await tinyRun(
        path(name),
        {},
        { config: { ...config, batchSize: batch, ...more }, train, dropPath: 0 },
      );
      return { steps: run.steps, state: run.model.stateDict() };
    };
    const large = await weightsOf('large', 12, {});
    const small = await weightsOf('small', 6, { gradAccumSteps: 2 });
    expect(small.steps).toBe(large.steps);
    for (const [name, { data }] of large.state)
      data.forEach((value, i) =>
        expect(small.state.get(name)!.data[i], name).toBeCloseTo(value as number, 5),
      );
  });

  it('a last group of fewer batches is an update too', async () => {
    const run = await tinyRun(path('run'), {}, { config: { gradAccumSteps: 2, epochs: 2 } });
    expect(run.steps).toBe(4);
  });

  it('what is frozen stays, the statistics of frozen batch norms included, and the rest learns', async () => {
    const { model } = await tinyRun(path('run'), {}, { config: { freeze: ['stem', 'norm'] } });
    const before = new TinyModel().stateDict();
    const after = model.stateDict();
    for (const name of before.keys())
      (name.startsWith('stem') || name.startsWith('norm')
        ? expect(after.get(name))
        : expect(after.get(name)).not
      ).toEqual(before.get(name));
  });

  it('refuses to freeze what is not there, or everything', async () => {
    const run = (freeze: string[]) => tinyRun(path(freeze.join()), {}, { config: { freeze } });
    await expect(run(['stme'])).rejects.toThrow(
      '--freeze stme: tiny has no module or parameter of that name. Did you mean "stem"?',
    );
    await expect(run(['*'])).rejects.toThrow('--freeze *: nothing of tiny is left to train.');
  });

  it('keeps as many checkpoints as asked, inside epochs too, and prunes the rest', async () => {
    await tinyRun(path('run'), {}, { config: { saveSteps: 2, checkpointHist: 2, epochs: 2 } });
    expect(await readdir(join(path('run'), 'checkpoints'))).toEqual(['epoch-0001-step-000002', 'epoch-0002']);
  });

  it('ends early when validation gets no better, and stays ended', async () => {
    const config = { patience: 2, lr: 0, warmupLr: 0, minLr: 0, epochs: 9, setBnEval: true };
    const first = await tinyRun(path('run'), {}, { config });
    expect(first).toMatchObject({ epochs: 3, stopped: false, best: { raw: { epoch: 0 } } });
    expect(existsSync(first.checkpoint)).toBe(true);
    const again = await tinyRun(
      path('run'),
      { onStep: () => expect.fail('a step') },
      { config, resume: true },
    );
    expect(again.epochs).toBe(3);
  });

  describe('a batch whose loss is not a number', () => {
    it('skipped, leaves no trace', async () => {
      const warnings: string[] = [];
      const steps: StepInfo[] = [];
      const run = await tinyRun(
        path('run'),
        { warn: (line) => warnings.push(line), onStep: (info) => steps.push(info) },
        { config: { onNan: 'skip', epochs: 2 }, train: spoilt('0/1') },
      );
      expect(run.steps).toBe(5);
      expect(steps.map(({ epoch, step }) => `${epoch}/${step}`)).toEqual(['0/1', '0/3', '1/1', '1/2', '1/3']);
      expect(warnings.join()).toMatch(/^epoch 0, step 1: the loss is not a number; skipped sample-\d+, /);
      for (const { data } of run.model.stateDict().values())
        for (const value of data as Float32Array) expect(Number.isFinite(value)).toBe(true);
      const [line] = (await readFile(logOf(path('run')), 'utf8')).split('\n');
      const { train_loss: loss } = JSON.parse(line!) as { train_loss: number };
      expect(loss).toBeCloseTo((steps[0]!.loss + steps[1]!.loss) / 2, 10);
    });

    it('too many of them one after the other end the run', async () => {
      const all = Array.from({ length: 12 }, (_, i) => `${Math.floor(i / 3)}/${i % 3}`);
      await expect(
        tinyRun(path('run'), {}, { config: { onNan: 'skip' }, train: spoilt(...all) }),
      ).rejects.toThrow(/the loss is NaN, expected a finite number/);
    });

    it('rolled back to the checkpoint before it, the run goes on without it', async () => {
      const warnings: string[] = [];
      const seen: string[] = [];
      const run = await tinyRun(
        path('run'),
        { warn: (line) => warnings.push(line), onStep: ({ epoch, step }) => seen.push(`${epoch}/${step}`) },
        { config: { onNan: 'rollback', epochs: 3 }, train: spoilt('1/2') },
      );
      expect(run).toMatchObject({ epochs: 3, steps: 8 });
      expect(seen).toEqual(['0/1', '0/2', '0/3', '1/1', '1/2', '1/1', '1/2', '2/1', '2/2', '2/3']);
      expect(warnings.join()).toMatch(/epoch-0001.*Going on from it without these samples \(1 of 3 times\)/);
      expect((await readFile(logOf(path('run')), 'utf8')).trimEnd().split('\n')).toHaveLength(3);
      const state = await readFile(join(run.checkpoint, 'state.json'), 'utf8');
      expect(JSON.parse(state)).toMatchObject({ skipped: [[1, 2]], rollbacks: 1 });
    });

    it('rolled back too often ends the run, and so does one before the first checkpoint', async () => {
      const config = { onNan: 'rollback' as const };
      const often = tinyRun(path('often'), {}, { config, train: spoilt('1/0', '1/1', '1/2', '2/0') });
      await expect(often).rejects.toThrow(/Epoch 2, step 0: the loss is NaN/);
      const first = tinyRun(path('first'), {}, { config, train: spoilt('0/1') });
      await expect(first).rejects.toThrow('There is no checkpoint yet.');
    });
  });

  it('keeps the number of tensors from update to update, whatever is on', async () => {
    for (const [, config] of RECIPES) {
      const counts: number[] = [];
      const run = await tinyRun(
        path(`run-${String(config.opt)}`),
        { onStep: () => counts.push(tf.memory().numTensors) },
        { config: { ...config, onNan: 'skip' } },
      );
      expect(new Set(counts).size).toBe(1);
      run.model.dispose();
    }
  });
});

describeBackends(['cpu'], 'a long run', () => {
  it('takes no more memory after 2,000 batches than after the first epoch', async () => {
    const memory: string[] = [];
    const train = syntheticSource({ samples: 8 * 50, batch: 8 });
    const { model } = await tinyRun(
      path('run'),
      {
        onStep: ({ step }) => {
          if (step === 50) memory.push(JSON.stringify([tf.memory().numTensors, tf.memory().numBytes]));
        },
      },
      { config: { epochs: 40, saveFreq: 40, mixup: 0.8 }, train },
    );
    expect(memory).toHaveLength(40);
    expect(new Set(memory).size).toBe(1);
    model.dispose();
  }, 120_000);
});
