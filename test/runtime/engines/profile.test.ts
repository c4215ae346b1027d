import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { operationTimes } from '../../../src/graph/tensorflow/operation-times.js';
import { buildModel, replaceBatchnorm } from '../../../src/models/index.js';
import { adamW } from '../../../src/ops/index.js';
import { selectBackend } from '../../../src/runtime/backend.js';
import { eagerEngine } from '../../../src/runtime/engines/eager.js';
import type { ProfiledEngine } from '../../../src/runtime/engines/engine.js';
import { OnnxEngine } from '../../../src/runtime/engines/onnx.js';
import { profileEager } from '../../../src/runtime/engines/profile-eager.js';
import { TensorFlowEngine } from '../../../src/runtime/engines/tensorflow.js';
import { onnxRuntimeVersion } from '../../../src/runtime/onnx/index.js';
import { syntheticImages } from '../../helpers/images.js';
import { hasTensorFlow, NO_TENSORFLOW } from '../../helpers/libtensorflow.js';

const hasOnnx = await onnxRuntimeVersion().then(
  () => true,
  () => false,
);
if (process.env.CI && !(hasOnnx && hasTensorFlow)) throw new Error('CI needs both compiled engines');

const open: { dispose(): void }[] = [];
afterEach(() => open.splice(0).forEach((item) => item.dispose()));

function model() {
  const plain = buildModel('recnext_m0', { numClasses: 9, imgSize: 64, seed: 5 });
  const fused = replaceBatchnorm(plain);
  open.push(plain, fused);
  return fused;
}

/** Every module of the model that convolves has an operation that took time, and the parts sum up to no more than the whole. */
async function expectWholeModel(engine: ProfiledEngine, convolution: RegExp): Promise<void> {
  const images = syntheticImages(4, 64, 3);
  await engine.logits(images, [4, 64, 64, 3]);
  const start = performance.now();
  const operations = await engine.profile(images, [4, 64, 64, 3]);
  const elapsed = 1000 * (performance.now() - start);
  const layers = new Set(
    operations.filter(({ operation }) => convolution.test(operation)).map(({ layer }) => layer),
  );
  for (const layer of ['stem.stem.0', 'stages.0.blocks.0.token_mixer', 'stages.3.blocks.0.channel_mixer.0'])
    expect(
      [...layers].filter((name) => name.startsWith(layer)),
      layer,
    ).not.toHaveLength(0);
  for (const { start, duration } of operations) {
    expect(start).toBeGreaterThanOrEqual(0);
    expect(duration).toBeGreaterThanOrEqual(0);
    expect(start + duration).toBeLessThanOrEqual(elapsed);
  }
  const threads = new Set(operations.map(({ thread }) => thread)).size;
  const total = operations.reduce((sum, { duration }) => sum + duration, 0);
  expect(total).toBeGreaterThan(0);
  expect(total).toBeLessThanOrEqual(elapsed * threads);
}

describe('the profile of a run', () => {
  it.each(['wasm', 'cpu'] as const)('of TF.js on %s', async (backend) => {
    await selectBackend(backend);
    await expectWholeModel(eagerEngine(model()), /^(FusedConv2D|Conv2D|DepthwiseConv2dNative)$/);
  });

  it('counts what a kernel calls only once', async () => {
    await selectBackend('cpu');
    const x = tf.ones([1000, 1000]);
    const one = tf.scalar(1);
    const inputs = { parameter: x, mean: x, square: x, gradient: x, keep: one, rate: one, eps: one };
    // A kernel in plain TF.js here: it calls others.
    const start = performance.now();
    const operations = await profileEager(() =>
      tf.dispose(adamW(inputs, { beta1: 0.9, beta2: 0.999, decay: true })),
    );
    const elapsed = 1000 * (performance.now() - start);
    tf.dispose([x, one]);
    const timeOf = (name: string) =>
      operations
        .filter(({ operation }) => operation === name)
        .reduce((sum, { duration }) => sum + duration, 0);
    const total = operations.reduce((sum, { duration }) => sum + duration, 0);
    expect(timeOf('Sqrt')).toBeGreaterThan(0);
    expect(timeOf('RecNextAdamW')).toBeLessThan(total / 2);
    expect(total).toBeLessThanOrEqual(elapsed);
  });

  describe.skipIf(!hasTensorFlow)(`compiled${NO_TENSORFLOW}`, () => {
    beforeAll(async () => void (await selectBackend('cpu')));
    it('of TensorFlow', async () => {
      const engine = await TensorFlowEngine.open(model());
      open.push(engine);
      await expectWholeModel(engine, /Conv2[dD]|MatMul/);
    });
  });

  describe.skipIf(!hasOnnx)(`onnxruntime${hasOnnx ? '' : ' (skipped: not installed)'}`, () => {
    beforeAll(async () => void (await selectBackend('cpu')));
    it('of onnxruntime', async () => {
      const engine = await OnnxEngine.open(model());
      open.push(engine);
      await expectWholeModel(engine, /^Conv$/);
    });
  });

  it("finds a node's module below the names of routines and of TensorFlow's optimizer", () => {
    const node = (name: string) => ({
      node: name,
      label: `${name} = Conv2D(a, b)`,
      device: 'CPU:0',
      thread: 1,
      start: 0,
      duration: 1,
    });
    const layers = [
      'step/stages.0.blocks.1.token_mixer/Conv2D_3',
      'ConstantFolding/stages.0.blocks.1.token_mixer/Conv2D-folded-0',
      'step/Mul_4',
      'stem/ArithmeticOptimizer/AddOpsRewrite_Add',
      'stem.weight',
      '_SOURCE',
    ].map(node);
    expect(operationTimes(layers, ['step', 'accumulate']).map(({ layer }) => layer)).toEqual([
      'stages.0.blocks.1.token_mixer',
      'stages.0.blocks.1.token_mixer',
      '',
      'stem',
      '',
    ]);
  });
});
