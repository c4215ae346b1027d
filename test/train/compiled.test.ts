import * as tf from '@tensorflow/tfjs';
import { afterEach, expect, it } from 'vitest';
import { buildModel } from '../../src/models/index.js';
import { GradientSum } from '../../src/train/accumulate.js';
import { AdamW } from '../../src/train/adamw.js';
import { CompiledRunner } from '../../src/train/compiled-runner.js';
import { ModelEma } from '../../src/train/ema.js';
import type { StepParts } from '../../src/train/step.js';
import { stepState } from '../../src/train/step-state.js';
import { eagerRunner, type StepRunner, type TrainBatch } from '../../src/train/step-runner.js';
import { builtOpLibrary, canBuildOps, NO_OPS } from '../helpers/op-library.js';
import { describeTensorFlow } from '../helpers/tensorflow.js';
import { syntheticImages } from '../helpers/images.js';

const SIZE = 64;
const BATCH = 8;
const CLASSES = 10;

const open: (() => void)[] = [];
afterEach(() => open.splice(0).forEach((close) => close()));

interface Case {
  readonly model: string;
  readonly distil?: 'hard' | 'soft';
  readonly mode?: 'agc' | 'norm' | 'value';
  readonly accumulate?: boolean;
  readonly size?: number;
}

/**
 * Low, as in the recipe's warm-up: Adam turns gradients that are zero but for rounding into steps of this length, whose direction is
 * another one in every implementation. At a thousandth, ten such steps show in the second digit of the loss.
 */
const LR = 2e-5;

/** A step with everything in it: distillation, stochastic depth, dropout, clipping, moving average. */
function parts({ model: name, distil, mode = 'agc', accumulate = false, size = SIZE }: Case): StepParts {
  const options = name.startsWith('reg')
    ? {}
    : { distillation: distil !== undefined, drop: 0.1, dropPath: 0.1 };
  const model = buildModel(name, { numClasses: CLASSES, imgSize: size, seed: 1, ...options });
  const optimizer = new AdamW(model.parameters, { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.05 });
  const ema = new ModelEma(model, 0.9);
  const gradientSum = accumulate ? new GradientSum(model.parameters) : undefined;
  open.push(() => {
    optimizer.dispose();
    ema.dispose();
    gradientSum?.dispose();
    model.dispose();
  });
  return {
    model,
    optimizer,
    ema,
    gradientSum,
    clip: { mode, factor: 0.02 },
    ...(distil && { distillation: { type: distil, alpha: 0.5, tau: distil === 'soft' ? 2 : 1 } }),
  };
}

function batch(step: number, size = SIZE, distil: Case['distil'] = 'hard'): TrainBatch {
  // Not the targets' own class: the heads learn different things.
  const teacher = Array.from({ length: BATCH }, (_, i) => (i + step) % CLASSES);

  const targets = new Float32Array(BATCH * CLASSES).fill(0.01);
  for (let i = 0; i < BATCH; i++) targets[i * CLASSES + ((3 * i + step) % CLASSES)] = 0.91;
  return {
    images: syntheticImages(BATCH, size, step),
    shape: [BATCH, size, size, 3],
    targets,
    teacher:
      distil === 'hard'
        ? Int32Array.from(teacher)
        : Float32Array.from({ length: BATCH * CLASSES }, (_, i) => 2 * Math.cos(i + step)),
    at: { seed: 7, epoch: 0, step },
  };
}

function compiled(of: StepParts, options = {}): CompiledRunner {
  const runner = new CompiledRunner(of, options);
  open.push(() => runner.dispose());
  return runner;
}

async function losses(
  runner: StepRunner,
  steps: number,
  group = 1,
  first = 0,
  size = SIZE,
  distil?: Case['distil'],
): Promise<number[]> {
  const found: number[] = [];
  for (let step = first; step < first + steps; step += group) {
    const batches = Array.from({ length: group }, (_, i) => batch(step + i, size, distil));
    found.push(...(await runner.update(batches, LR)).map(({ loss }) => loss));
  }
  return found;
}

describeTensorFlow('the compiled step', () => {
  const cases: (Case & { steps: number })[] = [
    { model: 'recnext_m0', distil: 'hard', steps: 10 },
    { model: 'recnext_m0', distil: 'soft', steps: 4 },
    { model: 'recnext_a0', mode: 'norm', steps: 10 },
    // At 64 pixels the last batch norms of T and S would see eight values a channel.
    { model: 'recnext_t', mode: 'value', steps: 3, size: 128 },
    { model: 'recnext_s_share_channel', steps: 2, size: 128 },
    // Biases behind a ReLU that is shut have no gradient but rounding: Adam makes steps of it, and a third loss differs in the sixth digit.
    { model: 'regnety_002', steps: 2, size: 128 },
    { model: 'recnext_m0', accumulate: true, steps: 4 },
  ];
  it.each(cases)('gives the losses of the eager one, six digits: %o', { timeout: 180_000 }, async (of) => {
    const { steps } = of;
    const group = of.accumulate ? 2 : 1;
    const [eager, graph] = [parts(of), parts(of)];
    const wanted = await losses(eagerRunner(eager, {}), steps, group, 0, of.size, of.distil);
    const runner = compiled(graph);
    const found = await losses(runner, steps, group, 0, of.size, of.distil);
    found.forEach((loss, i) => expect(Math.abs(loss / wanted[i]! - 1)).toBeLessThan(2e-6));
    await runner.sync();
    expect(graph.optimizer.steps).toBe(steps / group);
    expect(graph.model.trackedBatches).toBe(eager.model.trackedBatches);
    const moved = parts(of);
    for (const [name, variable] of eager.model.parameters) {
      const [start, wanted, found] = [moved, eager, graph].map(({ model }) => model.parameters.get(name)!);
      // Nearly every weight took the same steps.
      const length = wanted!.sub(start!).abs().mean().dataSync()[0]!;
      const apart = wanted!.sub(found!).abs().mean().dataSync()[0]!;
      if (variable.size > 1000) expect(apart / length).toBeLessThan(0.02);
    }
  });

  it.skipIf(!canBuildOps)(`gives the same losses with our own operations${NO_OPS}`, async () => {
    const of: Case = { model: 'recnext_m0', distil: 'hard' };
    const wanted = await losses(compiled(parts(of)), 4);
    const own = { opLibrary: await builtOpLibrary(), nativeOps: true, graphOptimizer: 'off' } as const;
    const found = await losses(compiled(parts(of), { session: own }), 4);
    found.forEach((loss, i) => expect(Math.abs(loss / wanted[i]! - 1)).toBeLessThan(2e-6));
  });

  it('goes on bit by bit from a state that was read and set again', async () => {
    const of: Case = { model: 'recnext_m0' };
    const whole = parts(of);
    const straight = await losses(compiled(whole), 6);

    const first = parts(of);
    const runner = compiled(first);
    await losses(runner, 3);
    await runner.sync();
    const second = parts(of);
    const from = stepState(first);
    for (const [name, variable] of stepState(second)) variable.assign(from.get(name)!);
    second.optimizer.steps = 3;
    expect(await losses(compiled(second), 3, 1, 3)).toEqual(straight.slice(3));
  });

  it('leaves nothing behind of a batch whose loss is not finite, when asked to', async () => {
    const of = parts({ model: 'recnext_m0' });
    const runner = compiled(of, { undo: true });
    await losses(runner, 2);
    await runner.sync();
    const before = new Map([...stepState(of)].map(([name, variable]) => [name, variable.dataSync().slice()]));
    const bad = batch(2);
    bad.images.fill(NaN, 0, 100);
    const [result] = await runner.update([bad], LR);
    expect(result!.loss).toBeNaN();
    await runner.sync();
    // By their bytes: an equality of tens of millions of numbers takes most of a minute.
    for (const [name, variable] of stepState(of))
      expect(bytesOf(variable.dataSync()).equals(bytesOf(before.get(name)!)), name).toBe(true);
    expect(of.optimizer.steps).toBe(2);
    expect(of.model.trackedBatches).toBe(2n);
    expect(Number.isFinite((await losses(runner, 1, 1, 3))[0]!)).toBe(true);
  });

  it('evaluates the weights that it has trained, and their average', async () => {
    const of = parts({ model: 'recnext_m0' });
    const runner = compiled(of);
    await losses(runner, 3);
    const { images, shape } = batch(9);
    for (const weights of ['raw', 'ema'] as const) {
      const found = await runner.evaluating(weights, (engine) => engine.logits(images, shape));
      const wanted = await eagerRunner(of, {}).evaluating(weights, (engine) => engine.logits(images, shape));
      const largest = Math.max(...wanted.map(Math.abs));
      wanted.forEach((logit, i) => expect(Math.abs(found[i]! - logit)).toBeLessThan(1e-5 * largest));
    }
  });

  it('leaves no tensor behind', async () => {
    const of = parts({ model: 'recnext_m0', distil: 'hard' });
    const runner = compiled(of);
    await losses(runner, 1);
    const before = tf.memory().numTensors;
    await losses(runner, 2, 1, 1);
    await runner.sync();
    expect(tf.memory().numTensors).toBe(before);
  });
});

function bytesOf({ buffer, byteOffset, byteLength }: tf.TypedArray): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
