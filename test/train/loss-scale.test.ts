import * as tf from '@tensorflow/tfjs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildModel } from '../../src/models/index.js';
import { selectBackend } from '../../src/runtime/backend.js';
import { GradientSum } from '../../src/train/accumulate.js';
import { AdamW } from '../../src/train/adamw.js';
import { loadCheckpoint, saveCheckpoint, type TrainingState } from '../../src/train/checkpoint.js';
import { CompiledRunner } from '../../src/train/compiled-runner.js';
import { ModelEma } from '../../src/train/ema.js';
import { LossScale, type LossScaleOptions } from '../../src/train/loss-scale.js';
import { startOfRun } from '../../src/train/progress.js';
import type { StepParts } from '../../src/train/step.js';
import { stepState } from '../../src/train/step-state.js';
import { eagerRunner, isLeftOut, type StepRunner, type TrainBatch } from '../../src/train/step-runner.js';
import { syntheticImages } from '../helpers/images.js';
import { describeTensorFlow } from '../helpers/tensorflow.js';

const SIZE = 32;
const BATCH = 8;
const CLASSES = 4;
/** Low: Adam turns rounding into steps of this length. */
const LR = 2e-5;

const open: (() => void)[] = [];
afterEach(() => open.splice(0).forEach((close) => close()));

interface Parts extends StepParts {
  readonly optimizer: AdamW;
  readonly ema: ModelEma;
}

/** A RecNeXt with a block a stage. */
function small() {
  const options = { embedDim: [4, 8, 16, 32], depth: [1, 1, 1, 1] };
  return buildModel('recnext_m0', { numClasses: CLASSES, imgSize: SIZE, seed: 1, ...options });
}

/** A step of float32, its loss scaled where `scale` says how. */
function parts(scale?: LossScaleOptions, accumulate = false): Parts {
  const model = small();
  const optimizer = new AdamW(model.parameters, { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.05 });
  const ema = new ModelEma(model, 0.9);
  const lossScale = scale && new LossScale(scale);
  const gradientSum = accumulate ? new GradientSum(model.parameters) : undefined;
  open.push(() => [optimizer, ema, lossScale, gradientSum, model].forEach((part) => part?.dispose()));
  return { model, optimizer, ema, lossScale, gradientSum, clip: { mode: 'agc', factor: 0.02 } };
}

/** Weights of the classes, with which a loss that is scaled by `HUGE` stays finite and its gradients do not. */
const HEAVY = 1e6;
const HUGE = 2 ** 120;

function batch(step: number, weight = 1): TrainBatch {
  const targets = new Float32Array(BATCH * CLASSES).fill(0.02 * weight);
  for (let i = 0; i < BATCH; i++) targets[i * CLASSES + ((3 * i + step) % CLASSES)] = 0.94 * weight;
  return {
    images: syntheticImages(BATCH, SIZE, step),
    shape: [BATCH, SIZE, SIZE, 3],
    targets,
    at: { seed: 7, epoch: 0, step },
  };
}

async function steps(runner: StepRunner, count: number, first = 0, group = 1, weight = 1) {
  const results = [];
  for (let step = first; step < first + count; step += group)
    results.push(
      (
        await runner.update(
          Array.from({ length: group }, (_, i) => batch(step + i, weight)),
          LR,
        )
      ).at(-1)!,
    );
  return results;
}

async function stateOf(of: Parts): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const [name, variable] of stepState(of))
    found.set(name, (await variable.data()).slice() as Float32Array);
  return found;
}

describe('a loss scale', () => {
  beforeAll(async () => void (await selectBackend('cpu')));

  it("moves as PyTorch's GradScaler does (torch 2.15, init_scale 1024, growth_interval 3)", async () => {
    const scale = new LossScale({ initial: 1024, growthInterval: 3 });
    const found: [number, number][] = [];
    for (const good of [1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1]) {
      const gradients = { a: tf.tensor1d([1, good ? -3 : Infinity]), b: tf.scalar(2) };
      tf.tidy(() => scale.update(scale.check(gradients)));
      tf.dispose(gradients);
      const { scale: value, goodSteps } = await scale.read();
      found.push([value, goodSteps]);
    }
    expect(found.map(([value]) => value)).toEqual([
      1024, 1024, 512, 512, 512, 1024, 1024, 512, 256, 256, 256, 512, 512,
    ]);
    expect(found.map(([, count]) => count)).toEqual([1, 2, 0, 1, 2, 0, 1, 0, 0, 1, 2, 0, 1]);
    scale.dispose();
  });

  it.each([[NaN], [Infinity], [-Infinity]])('finds %s among gradients', (bad) => {
    const scale = new LossScale();
    const gradients = { a: tf.zeros([4]), b: tf.tensor1d([1, bad, 2]) };
    expect(Number.isFinite(scale.check({ a: gradients.a }).dataSync()[0])).toBe(true);
    expect(Number.isFinite(scale.check(gradients).dataSync()[0])).toBe(false);
    tf.dispose(gradients);
    scale.dispose();
  });

  it('starts and grows as PyTorch has it, and stays finite', async () => {
    const scale = new LossScale();
    expect(await scale.read()).toEqual({ scale: 65536, goodSteps: 0 });
    scale.set({ scale: 2 ** 126, goodSteps: 1999 });
    tf.tidy(() => scale.update(tf.scalar(1)));
    expect(await scale.read()).toEqual({ scale: 2 ** 126, goodSteps: 0 });
    scale.dispose();
  });
});

describeTensorFlow('a step whose loss is scaled', () => {
  // The rewriting of TensorFlow's own takes longer than all steps.
  const session = { graphOptimizer: 'off' } as const;
  const runners = {
    eager: (of: StepParts) => eagerRunner(of, {}),
    compiled: (of: StepParts) => new CompiledRunner(of, { session }),
    'compiled, undoing': (of: StepParts) => new CompiledRunner(of, { session, undo: true }),
  };
  const ways = Object.keys(runners) as (keyof typeof runners)[];
  const runnerOf = (way: keyof typeof runners, of: StepParts): StepRunner => {
    const runner = runners[way](of);
    open.push(() => runner.dispose());
    return runner;
  };

  it.each(ways)('gives the losses of one that is not, six digits: %s', async (way) => {
    const wanted = await steps(runnerOf(way, parts()), 4);
    const scaled = parts({});
    const runner = runnerOf(way, scaled);
    const found = await steps(runner, 4);
    found.forEach(({ loss }, i) => expect(Math.abs(loss / wanted[i]!.loss - 1)).toBeLessThan(1e-6));
    expect(found.map(({ lossScale }) => lossScale)).toEqual([65536, 65536, 65536, 65536]);
    await runner.sync();
    expect(await scaled.lossScale!.read()).toEqual({ scale: 65536, goodSteps: 4 });
    expect(scaled.optimizer.steps).toBe(4);
  });

  it.each(ways)(
    'leaves nothing behind but half the scale where a gradient is not finite: %s',
    async (way) => {
      const of = parts({ initial: 2 ** 16 });
      const runner = runnerOf(way, of);
      await steps(runner, 2);
      await runner.sync();
      // The loss itself stays finite, its gradients do not.
      of.lossScale!.set({ scale: HUGE, goodSteps: 5 });
      runner.reload();
      const before = await stateOf(of);
      const [result] = await steps(runner, 1, 2, 1, HEAVY);
      expect(Number.isFinite(result!.loss)).toBe(true);
      expect([isLeftOut(result!), result!.lossScale]).toEqual([true, HUGE / 2]);
      await runner.sync();
      const after = await stateOf(of);
      for (const [name, values] of before)
        if (!name.startsWith('loss_scale/')) expect(after.get(name), name).toEqual(values);
      expect(await of.lossScale!.read()).toEqual({ scale: HUGE / 2, goodSteps: 0 });
      expect(of.optimizer.steps).toBe(2);
      expect(of.model.trackedBatches).toBe(2n);
    },
  );

  it('halves itself down to where gradients are finite, and goes on from there as if nothing had been', async () => {
    const wanted = await steps(runnerOf('compiled', parts()), 3, 0, 1, HEAVY);
    const of = parts({ initial: HUGE });
    const runner = runnerOf('compiled', of);
    const losses: number[] = [];
    for (let tries = 0; losses.length < 3 && tries < 60; tries++) {
      const [result] = await steps(runner, 1, losses.length, 1, HEAVY);
      if (!isLeftOut(result!)) losses.push(result!.loss);
    }
    losses.forEach((loss, i) => expect(Math.abs(loss / wanted[i]!.loss - 1)).toBeLessThan(1e-6));
    expect(losses).toHaveLength(3);
    expect(of.optimizer.steps).toBe(3);
  });

  it.each(['eager', 'compiled'] as const)(
    'of several batches begins its sums anew after one that was left out: %s',
    async (way) => {
      const wanted = await steps(runnerOf(way, parts(undefined, true)), 2, 2, 2);
      const of = parts({ initial: HUGE }, true);
      const runner = runnerOf(way, of);
      const [left] = await steps(runner, 2, 0, 2, HEAVY);
      expect(isLeftOut(left!)).toBe(true);
      await runner.sync();
      for (const sum of of.gradientSum!.variables())
        expect(sum.dataSync().every((value) => value === 0)).toBe(true);
      expect(of.optimizer.steps).toBe(0);
      of.lossScale!.set({ scale: 1024, goodSteps: 0 });
      // The running statistics have seen the first batch, which no loss in training sees.
      runner.reload();
      const [found] = await steps(runner, 2, 2, 2);
      expect(Math.abs(found!.loss / wanted[0]!.loss - 1)).toBeLessThan(1e-6);
      expect(isLeftOut(found!)).toBe(false);
    },
  );

  it('goes on bit by bit from a checkpoint, its scale included', async () => {
    const scale = { initial: 256, growthInterval: 2 };
    const stateIn = (of: Parts): TrainingState => ({
      ...of,
      progress: startOfRun(),
      data: { samples: 8, batchSize: BATCH },
    });
    const straight = await steps(runnerOf('compiled', parts(scale)), 6);

    const first = parts(scale);
    const runner = runnerOf('compiled', first);
    await steps(runner, 3);
    await runner.sync();
    const path = join(await mkdtemp(join(tmpdir(), 'recnext-scale-')), 'checkpoint');
    const state = stateIn(first);
    state.progress.updates = first.optimizer.steps;
    await saveCheckpoint(path, state, {});
    const second = parts({ initial: 7, growthInterval: 2 });
    await loadCheckpoint(path, stateIn(second));
    expect(await second.lossScale!.read()).toEqual({ scale: 512, goodSteps: 1 });
    expect(await steps(runnerOf('compiled', second), 3, 3)).toEqual(straight.slice(3));
    expect(straight.map(({ lossScale }) => lossScale)).toEqual([256, 512, 512, 1024, 1024, 2048]);
  });

  it('keeps no tensors', async () => {
    const runner = runnerOf('eager', parts({}));
    await steps(runner, 1);
    const before = tf.memory().numTensors;
    await steps(runner, 2, 1);
    expect(tf.memory().numTensors).toBe(before);
  });
});
