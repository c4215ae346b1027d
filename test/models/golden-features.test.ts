import * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { listModels } from '../../src/models/index.js';
import { describeBackends } from '../helpers/backends.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';
import { nhwc, syntheticRecNext } from '../helpers/models.js';
import { sampleIndices } from '../helpers/synthetic.js';
import { INPUTS } from './golden-logits.js';

/** golden README: feature maps to 2e-5 of the largest magnitude. */
const FEATURES = 2e-5;

interface Summary {
  shape: number[];
  l2: number;
  absmax: number;
  index: number[];
  value: number[];
}

describe.skipIf(!hasGolden)(`feature maps${hasGolden ? '' : `: skipped, ${NO_GOLDEN}`}`, () => {
  describeBackends(['node'], 'against the reference', () => {
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
          expect(summaryGap(output as tf.Tensor4D, summary), path).toBeLessThan(FEATURES);
        };
        model.forward(x, { observe }).dispose();
        x.dispose();
        expect([...seen].sort()).toEqual(Object.keys(expected).sort());
      }
      model.dispose();
    });
  });
});

/** Largest deviation of the sampled values and of the norm, relative to the largest magnitude (to the norm). */
function summaryGap(output: tf.Tensor4D, { shape, l2, absmax, index, value }: Summary): number {
  const values = tf.tidy(() => tf.transpose(output, [0, 3, 1, 2]).dataSync<'float32'>());
  const [batch, height, width, channels] = output.shape;
  expect([batch, channels, height, width]).toEqual(shape);
  expect(sampleIndices(values.length, index.length)).toEqual(index);
  const norm = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
  const samples = Math.max(...index.map((i, k) => Math.abs(values[i]! - value[k]!)));
  return Math.max(samples / absmax, Math.abs(norm - l2) / l2);
}
