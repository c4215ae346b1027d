import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildModel, replaceBatchnorm } from '../../../src/models/index.js';
import { selectBackend } from '../../../src/runtime/backend.js';
import { eagerEngine } from '../../../src/runtime/engines/eager.js';
import { OnnxEngine } from '../../../src/runtime/engines/onnx.js';
import { onnxRuntimeVersion } from '../../../src/runtime/onnx/index.js';
import { syntheticImages } from '../../helpers/images.js';

const why = await onnxRuntimeVersion().then(
  () => undefined,
  (error: Error) => error.message,
);
if (why !== undefined && process.env.CI) throw new Error(`CI needs the onnx engine: ${why}`);

const open: { dispose(): void }[] = [];
afterEach(() => open.splice(0).forEach((item) => item.dispose()));

describe.skipIf(why !== undefined)(
  `a model on onnxruntime${why === undefined ? '' : `: skipped, ${why}`}`,
  () => {
    beforeAll(async () => void (await selectBackend('wasm')));

    it.each(['recnext_m0', 'recnext_a0'])(
      '%s gives the eager logits for batches and images of any size, in memory that is shared as well',
      async (name) => {
        const plain = buildModel(name, { numClasses: 9, imgSize: 64, seed: 5 });
        const model = replaceBatchnorm(plain);
        const engine = await OnnxEngine.open(model);
        open.push(engine, model, plain);
        for (const [batch, size] of [
          [1, 64],
          [3, 64],
          [2, 96],
        ] as const) {
          const shape = [batch, size, size, 3] as const;
          const images = syntheticImages(batch, size, 3);
          const shared = new Float32Array(new SharedArrayBuffer(images.byteLength));
          shared.set(images);
          const wanted = await eagerEngine(model).logits(images, shape);
          const largest = Math.max(...wanted.map(Math.abs));
          for (const memory of [images, shared]) {
            const found = await engine.logits(memory, shape);
            expect(found).toHaveLength(wanted.length);
            wanted.forEach((logit, i) => expect(Math.abs(found[i]! - logit)).toBeLessThan(1e-5 * largest));
          }
        }
      },
    );
  },
);
