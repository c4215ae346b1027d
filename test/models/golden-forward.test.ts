import * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { listModels, replaceBatchnorm, type RecNext } from '../../src/models/index.js';
import { describeBackends } from '../helpers/backends.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';
import { maxAbs, maxAbsDiff, nhwc, readGoldenTensors, syntheticRecNext } from '../helpers/models.js';
import { sampleIndices } from '../helpers/synthetic.js';

/** golden README: logits and pooled features to 1e-5, feature maps to 2e-5 of the largest magnitude. */
const LOGITS = 1e-5;
const FEATURES = 2e-5;

const INPUTS = {
  a: ['input/a', [2, 3, 224, 224]],
  b: ['input/b', [1, 3, 256, 192]],
  c: ['input/c', [1, 3, 250, 190]],
  d: ['input/g', [1, 3, 200, 168]],
} as const;

/** All four inputs on the fast backend; the one that is odd inside every variant on the others. */
const SIZES = { node: ['a', 'b', 'c', 'd'], wasm: ['d'], cpu: ['d'], webgpu: [] } as const;

interface Summary {
  shape: number[];
  l2: number;
  absmax: number;
  index: number[];
  value: number[];
}

const suite = describe.skipIf(!hasGolden);

suite(`models against the reference${hasGolden ? '' : `: skipped, ${NO_GOLDEN}`}`, () => {
  describeBackends(['node', 'wasm', 'cpu'], 'logits', (backend) => {
    it.each(listModels('recnext_*'))(
      '%s, unfused and fused',
      (name) => {
        const golden = readGoldenTensors(`models/${name}.safetensors`);
        const model = syntheticRecNext(name, { distillation: true });
        const fused = [replaceBatchnorm(model, 'full'), replaceBatchnorm(model, 'reference')];
        for (const size of SIZES[backend]) {
          const [key, shape] = INPUTS[size];
          const x = nhwc(key, shape);
          const expected = golden[`logits.${size}`]!;
          expect(relative(logits(model, x), expected)).toBeLessThan(LOGITS);
          for (const form of backend === 'node' ? fused : fused.slice(0, 1)) {
            expect(relative(logits(form, x), golden[`fused.${size}`]!)).toBeLessThan(LOGITS);
            expect(relative(logits(form, x), logits(model, x))).toBeLessThan(LOGITS);
          }
          x.dispose();
        }
        [model, ...fused].forEach((m) => m.dispose());
      },
      300_000,
    );
  });

  describeBackends(['node'], 'feature maps', () => {
    it.each(listModels('recnext_*'))('%s, module by module', (name) => {
      const golden = JSON.parse(readFileSync(`${GOLDEN}models/${name}.json`, 'utf8')) as Record<
        string,
        unknown
      >;
      const model = syntheticRecNext(name);
      for (const size of ['a', 'c'] as const) {
        const expected = golden[`modules.${size}`] as Record<string, Summary>;
        const [key, shape] = INPUTS[size];
        const x = nhwc(key, shape);
        const seen = new Set<string>();
        const observe = (path: string, output: tf.Tensor): void => {
          const summary = expected[path];
          if (summary === undefined) return;
          seen.add(path);
          expect(summariseDiff(output as tf.Tensor4D, summary), path).toBeLessThan(FEATURES);
        };
        model.forward(x, { observe }).dispose();
        x.dispose();
        expect([...seen].sort()).toEqual(Object.keys(expected).sort());
      }
      model.dispose();
    });
  });
});

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

/** Largest deviation of the sampled values and of the norm, relative to the largest magnitude (to the norm). */
function summariseDiff(output: tf.Tensor4D, { shape, l2, absmax, index, value }: Summary): number {
  const values = tf.tidy(() => tf.transpose(output, [0, 3, 1, 2]).dataSync<'float32'>());
  const [batch, height, width, channels] = output.shape;
  expect([batch, channels, height, width]).toEqual(shape);
  expect(sampleIndices(values.length, index.length)).toEqual(index);
  const norm = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
  const samples = Math.max(...index.map((i, k) => Math.abs(values[i]! - value[k]!)));
  return Math.max(samples / absmax, Math.abs(norm - l2) / l2);
}
