import * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { zeroWeights } from '../../src/layers/initial-weights.js';
import { namedWeights } from '../../src/layers/spec/module-spec.js';
import { replaceBatchnorm } from '../../src/models/index.js';
import { parseModelName } from '../../src/models/names.js';
import { resolveRegNet } from '../../src/models/regnet-config.js';
import { RegNet } from '../../src/models/regnet.js';
import { summarise } from '../../src/models/summary.js';
import { describeBackends } from '../helpers/backends.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';
import { maxAbs, maxAbsDiff, nhwc, readGoldenTensors, synthetic } from '../helpers/models.js';

interface Teacher {
  params: number;
  state_dict: [string, number[]][];
}

const NAMES = ['regnety_002', 'regnety_016', 'regnety_160'];

function build(name: string): RegNet {
  const parsed = parseModelName(name);
  if (parsed.family !== 'regnet') throw new Error(name);
  return new RegNet(resolveRegNet(parsed.variant), zeroWeights);
}

describe.skipIf(!hasGolden)(`teachers${hasGolden ? '' : `: skipped, ${NO_GOLDEN}`}`, () => {
  const teachers = hasGolden
    ? (JSON.parse(readFileSync(`${GOLDEN}teacher/index.json`, 'utf8')) as { models: Record<string, Teacher> })
        .models
    : {};

  describeBackends(['node'], 'RegNetY', () => {
    it.each(NAMES)(
      '%s has the keys and the logits of timm',
      (name) => {
        const model = build(name);
        const layout = namedWeights(model.spec).map(([key, { shape }]) => [key, [...shape]]);
        expect(layout).toEqual(teachers[name]!.state_dict);
        expect(summarise(name).params).toBe(teachers[name]!.params);
        synthetic(model);
        const golden = readGoldenTensors('teacher/logits.safetensors');
        // 96x80 for all of them; the usual size for the small ones.
        const sizes = name === 'regnety_160' ? (['f'] as const) : (['d', 'f'] as const);
        for (const size of sizes) {
          const x = nhwc(`input/${size}`, size === 'd' ? [1, 3, 224, 224] : [2, 3, 96, 80]);
          const expected = golden[`${name}.logits.${size}`]!;
          const logits = tf.tidy(() => model.forward(x).dataSync<'float32'>());
          expect(maxAbsDiff(logits, expected) / maxAbs(expected)).toBeLessThan(1e-5);
          if (name !== 'regnety_160') {
            const fused = replaceBatchnorm(model);
            expect([...fused.parameters.keys()].filter((key) => key.includes('bn'))).toEqual([]);
            const folded = tf.tidy(() => fused.forward(x).dataSync<'float32'>());
            expect(maxAbsDiff(folded, expected) / maxAbs(expected)).toBeLessThan(1e-5);
            fused.dispose();
          }
          x.dispose();
        }
        model.dispose();
      },
      300_000,
    );
  });
});
