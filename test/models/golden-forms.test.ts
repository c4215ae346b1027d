import * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FeatureExtractor, listModels, replaceBatchnorm } from '../../src/models/index.js';
import { namedWeights } from '../../src/layers/spec/module-spec.js';
import { describeBackends } from '../helpers/backends.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';
import { maxAbs, maxAbsDiff, nhwc, readGoldenTensors, syntheticRecNext } from '../helpers/models.js';
import { INPUTS, LOGITS } from './golden-logits.js';

/** Fused weights, other class counts, features: the forms of a model beside its 1000 logits. */
interface Summary {
  shape: number[];
  l2: number;
  absmax: number;
  index: number[];
  value: number[];
}

interface ClassCount {
  output_shape: number[];
  head_keys: [string, number[]][];
  head_keys_fused: [string, number[]][];
}

interface FeaturesOnly {
  first_keys: string[];
  some_keys: string[];
  shapes: number[][];
  channels: number[];
}

const json = <T>(file: string): T => JSON.parse(readFileSync(`${GOLDEN}${file}`, 'utf8')) as T;
const NAMES = ['recnext_m0', 'recnext_a0', 'recnext_t', 'recnext_t_share_channel'];

describe.skipIf(!hasGolden)(`forms of a model${hasGolden ? '' : `: skipped, ${NO_GOLDEN}`}`, () => {
  describeBackends(['node'], 'against the reference', () => {
    it.each(listModels('recnext_*'))('%s: fused weights', (name) => {
      const { fused_samples: samples } = json<{ fused_samples: Record<string, Summary> }>(
        `models/${name}.json`,
      );
      const model = syntheticRecNext(name);
      const fused = replaceBatchnorm(model, 'reference');
      const state = fused.stateDict();
      for (const [key, { shape, l2, absmax, index, value }] of Object.entries(samples)) {
        const tensor = state.get(key)!;
        expect(tensor.shape, key).toEqual(shape);
        const data = tensor.data as Float32Array;
        const norm = Math.sqrt(data.reduce((sum, v) => sum + v * v, 0));
        expect(Math.abs(norm - l2) / l2, key).toBeLessThan(1e-6);
        index.forEach((i, k) => expect(Math.abs(data[i]! - value[k]!) / absmax, key).toBeLessThan(1e-6));
      }
      model.dispose();
      fused.dispose();
    });

    it.each(NAMES)('%s: features before the classifier, 0 and 10 classes, feature maps', (name) => {
      const counts = json<Record<string, ClassCount & FeaturesOnly>>('models/class_counts.json');
      const logits = readGoldenTensors('models/class_counts.safetensors');
      const close = (found: tf.Tensor, expected: Float32Array): void => {
        expect(maxAbsDiff(found.dataSync<'float32'>(), expected) / maxAbs(expected)).toBeLessThan(LOGITS);
      };
      const x = nhwc(...INPUTS.c);
      for (const numClasses of [0, 10]) {
        const key = `${name}.classes${numClasses}`;
        const { output_shape: shape, head_keys: keys, head_keys_fused: fusedKeys } = counts[key]!;
        const model = syntheticRecNext(name, { numClasses });
        const fused = replaceBatchnorm(model, 'reference');
        const heads = (built: typeof model) =>
          namedWeights(built.spec).flatMap(([k, { shape: s }]) =>
            k.startsWith('head.') ? [[k, [...s]]] : [],
          );
        expect(heads(model)).toEqual(keys);
        expect(heads(fused)).toEqual(fusedKeys);
        expect(model.forward(x).shape).toEqual(shape);
        close(model.forward(x), logits[`${key}.logits.c`]!);
        close(fused.forward(x), logits[`${key}.fused.c`]!);
      }
      const { first_keys, some_keys, shapes, channels } = counts[`${name}.features_only`]!;
      const extractor = new FeatureExtractor(syntheticRecNext(name, { numClasses: 0 }));
      const keys = [...extractor.stateDict().keys()];
      expect(keys.slice(0, first_keys.length)).toEqual(first_keys);
      expect(keys).toEqual(expect.arrayContaining(some_keys));
      expect(extractor.featureInfo.map((info) => info.channels)).toEqual(channels);
      const maps = extractor.forward(x).map(({ shape: [n, h, w, c] }) => [n, c, h, w]);
      expect(maps).toEqual(shapes);
      tf.disposeVariables();
    });

    it.each(listModels('recnext_*'))('%s: pooled features', (name) => {
      const expected = readGoldenTensors(`models/${name}.safetensors`)['pooled.a']!;
      const model = syntheticRecNext(name);
      tf.tidy(() => {
        const pooled = model.forwardHead(model.forwardFeatures(nhwc(...INPUTS.a)), { preLogits: true });
        expect(maxAbsDiff(pooled.dataSync<'float32'>(), expected) / maxAbs(expected)).toBeLessThan(LOGITS);
      });
      model.dispose();
    });
  });
});
