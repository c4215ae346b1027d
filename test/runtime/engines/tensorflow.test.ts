import { afterEach, expect, it } from 'vitest';
import { buildModel, replaceBatchnorm } from '../../../src/models/index.js';
import { eagerEngine } from '../../../src/runtime/engines/eager.js';
import type { ImagesShape, InferenceEngine } from '../../../src/runtime/engines/engine.js';
import { LiveTensorFlowEngine } from '../../../src/runtime/engines/live-tensorflow.js';
import { TensorFlowEngine } from '../../../src/runtime/engines/tensorflow.js';
import { syntheticImages } from '../../helpers/images.js';
import { builtOpLibrary, canBuildOps, NO_OPS } from '../../helpers/op-library.js';
import { describeTensorFlow } from '../../helpers/tensorflow.js';

const open: { dispose(): void }[] = [];
afterEach(() => open.splice(0).forEach((item) => item.dispose()));

/** Largest difference of the logits, of the largest logit. */
async function difference(a: InferenceEngine, b: InferenceEngine, shape: ImagesShape): Promise<number> {
  const images = syntheticImages(shape[0], shape[1], 3);
  const [x, y] = [await a.logits(images, shape), await b.logits(images, shape)];
  expect(x).toHaveLength(y.length);
  const largest = Math.max(...x.map(Math.abs));
  return x.reduce((max, logit, i) => Math.max(max, Math.abs(logit - y[i]!)), 0) / largest;
}

describeTensorFlow('a model compiled for TensorFlow', () => {
  const names = ['recnext_m0', 'recnext_a0', 'recnext_t', 'recnext_s_share_channel', 'regnety_002'];
  const ways = [
    { title: "TensorFlow's operations", native: false },
    { title: `our own operations${NO_OPS}`, native: true },
  ];
  for (const { title, native } of ways)
    it.skipIf(native && !canBuildOps)(
      `gives the eager logits, fused, with ${title}`,
      { timeout: 240_000 },
      async () => {
        const options = native ? { nativeOps: true, opLibrary: await builtOpLibrary() } : {};
        for (const name of names) {
          const plain = buildModel(name, { numClasses: 9, imgSize: 64, seed: 5 });
          const model = replaceBatchnorm(plain);
          const engine = await TensorFlowEngine.open(model, options);
          expect(await difference(eagerEngine(model), engine, [2, 64, 64, 3]), name).toBeLessThan(1e-5);
          engine.dispose();
          plain.dispose();
          model.dispose();
        }
      },
    );

  it('takes batches and images of other sizes', async () => {
    const model = buildModel('recnext_m0', { numClasses: 9, seed: 5 });
    const engine = await TensorFlowEngine.open(model);
    open.push(engine, model);
    for (const shape of [
      [1, 224, 224, 3],
      [3, 224, 224, 3],
      [2, 96, 96, 3],
    ] as const)
      expect(await difference(eagerEngine(model), engine, shape)).toBeLessThan(1e-5);
  });

  it('computes in bfloat16 when asked to: other numbers, not far away', async () => {
    const plain = buildModel('recnext_m0', { numClasses: 9, imgSize: 64, seed: 5 });
    const model = replaceBatchnorm(plain);
    const engine = await TensorFlowEngine.open(model, { mixedPrecision: 'bfloat16' });
    open.push(engine, model, plain);
    const apart = await difference(eagerEngine(model), engine, [2, 64, 64, 3]);
    expect(apart).toBeGreaterThan(1e-5);
    expect(apart).toBeLessThan(0.03);
  });

  it('runs the weights of a model that changes', async () => {
    const model = buildModel('recnext_a0', { numClasses: 9, imgSize: 64, seed: 5 });
    const other = buildModel('recnext_a0', { numClasses: 9, imgSize: 64, seed: 6 });
    const engine = new LiveTensorFlowEngine(model);
    open.push(engine, model, other);
    await engine.takeWeights();
    expect(await difference(eagerEngine(model), engine, [2, 64, 64, 3])).toBeLessThan(1e-5);
    model.loadStateDict(other.stateDict());
    await engine.takeWeights();
    expect(await difference(eagerEngine(other), engine, [2, 64, 64, 3])).toBeLessThan(1e-5);
  });
});
