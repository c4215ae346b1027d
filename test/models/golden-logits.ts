import type * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { listModels, replaceBatchnorm, type RecNext } from '../../src/models/index.js';
import type { BackendName } from '../../src/runtime/backend.js';
import { describeBackends } from '../helpers/backends.js';
import { hasGolden, NO_GOLDEN } from '../helpers/golden.js';
import { maxAbs, maxAbsDiff, nhwc, readGoldenTensors, syntheticRecNext } from '../helpers/models.js';

/** golden README: logits and pooled features to 1e-5 of the largest magnitude. */
export const LOGITS = 1e-5;

export const INPUTS = {
  a: ['input/a', [2, 3, 224, 224]],
  b: ['input/b', [1, 3, 256, 192]],
  c: ['input/c', [1, 3, 250, 190]],
  d: ['input/g', [1, 3, 200, 168]],
} as const;

type Size = keyof typeof INPUTS;
type Form = 'full' | 'reference';

/**
 * Logits of every variant, base and distilled, against the reference.
 *
 * @param sizes inputs; fused forms are computed on `d`, which has odd sizes inside every variant
 */
export function logitsSuite(backend: BackendName, sizes: readonly Size[], forms: readonly Form[]): void {
  describe.skipIf(!hasGolden)(`against the reference${hasGolden ? '' : `: skipped, ${NO_GOLDEN}`}`, () => {
    describeBackends([backend], 'logits', () => {
      it.each(listModels('recnext_*'))(
        '%s',
        (name) => {
          const golden = readGoldenTensors(`models/${name}.safetensors`);
          const model = syntheticRecNext(name);
          for (const size of sizes) {
            const [key, shape] = INPUTS[size];
            const x = nhwc(key, shape);
            const found = logits(model, x);
            expect(relative(found, golden[`logits.${size}`]!)).toBeLessThan(LOGITS);
            if (size === 'd' && forms.length > 0)
              expectSameLogits(name, model, forms, x, found, golden['fused.d']!);
            x.dispose();
          }
          model.dispose();
        },
        300_000,
      );
    });
  });
}

/** The distilled model gives the same in evaluation; the fused ones give it up to rounding. */
function expectSameLogits(
  name: string,
  model: RecNext,
  forms: readonly Form[],
  x: tf.Tensor4D,
  unfused: Float32Array,
  reference: Float32Array,
): void {
  const distilled = syntheticRecNext(name, { distillation: true });
  expect(distilled.distillation).toBe(true);
  expect(logits(distilled, x)).toEqual(unfused);
  distilled.dispose();
  for (const form of forms) {
    const fused = replaceBatchnorm(model, form);
    const found = logits(fused, x);
    expect(relative(found, reference)).toBeLessThan(LOGITS);
    expect(relative(found, unfused)).toBeLessThan(LOGITS);
    fused.dispose();
  }
}

function logits(model: RecNext, x: tf.Tensor4D): Float32Array {
  const y = model.forward(x);
  const values = y.dataSync<'float32'>();
  y.dispose();
  return values;
}

function relative(found: Float32Array, expected: Float32Array): number {
  expect(found.length).toBe(expected.length);
  return maxAbsDiff(found, expected) / maxAbs(expected);
}
