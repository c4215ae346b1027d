import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { tfShape, toTf, toTorch } from '../../src/layers/weight-layout.js';
import type { WeightSpec } from '../../src/layers/spec/module-spec.js';
import type { ParameterSpec } from '../../src/models/image-model.js';
import { clipGradients } from '../../src/train/clip.js';
import { describeBackends, leaked } from '../helpers/backends.js';
import { uniform } from '../helpers/synthetic.js';

const spec = (layout: ParameterSpec['layout'], shape: number[], groups = 1) =>
  ({
    name: '',
    layout,
    shape,
    groups,
    trainable: true,
    init: { kind: 'constant', value: 0 },
  }) as WeightSpec & {
    layout: ParameterSpec['layout'];
  };

const SPECS = new Map([
  ['dense conv', spec('conv', [8, 6, 3, 3])],
  ['depthwise conv', spec('conv', [6, 1, 5, 5], 6)],
  ['depthwise conv with two outputs a channel', spec('conv', [12, 1, 7, 7], 6)],
  ['grouped conv', spec('conv', [12, 4, 3, 3], 2)],
  ['linear', spec('linear', [10, 7])],
  ['vector', spec('vector', [9])],
]);
const FACTOR = 0.02;

const size = (shape: readonly number[]) => tf.util.sizeFromShape([...shape]);
const weightOf = (name: string, { shape }: WeightSpec) =>
  // Some units lie under the smallest norm reckoned with (1e-3).
  Float32Array.from(uniform(`w ${name}`, size(shape)), (u, i) => (i < size(shape) / 3 ? 1e-5 * u : u));
const gradientOf = (name: string, { shape }: WeightSpec) => {
  const row = size(shape.slice(1));
  return Float32Array.from(uniform(`g ${name}`, size(shape)), (u, i) => u * 10 ** -(Math.floor(i / row) % 7));
};

/** timm's `adaptive_clip_grad` in double, in PyTorch's layout: a unit is a row. */
function reference(weight: Float32Array, gradient: Float32Array, shape: readonly number[]): number[] {
  const row = shape.length > 1 ? size(shape.slice(1)) : size(shape);
  const norm = (values: Float32Array, unit: number) =>
    Math.hypot(...values.subarray(unit * row, (unit + 1) * row));
  return Array.from(gradient, (g, i) => {
    const unit = Math.floor(i / row);
    const largest = FACTOR * Math.max(norm(weight, unit), 1e-3);
    const found = norm(gradient, unit);
    return found < largest ? g : (g * largest) / Math.max(found, 1e-6);
  });
}

describeBackends(['cpu', 'wasm', 'node'], 'gradient clipping', () => {
  const stored = (values: (name: string, spec: WeightSpec) => Float32Array) =>
    [...SPECS].map(([name, s]) => [name, tf.tensor(toTf(s, values(name, s)), tfShape(s))] as const);
  const parameters = () =>
    new Map(stored(weightOf).map(([name, tensor]) => [name, tf.tidy(() => tf.variable(tensor))]));
  const gradients = () => Object.fromEntries(stored(gradientOf)) as tf.NamedTensorMap;

  it('agc: every output unit as in the reference, in every layout', () => {
    const clipped = clipGradients(gradients(), parameters(), SPECS, { mode: 'agc', factor: FACTOR });
    for (const [name, s] of SPECS) {
      const gradient = gradientOf(name, s);
      const expected = reference(weightOf(name, s), gradient, s.shape);
      const actual = toTorch(s, clipped[name]!.dataSync());
      expected.forEach((value, i) => {
        expect(Math.abs(actual[i]! - value), `${name} [${i}]`).toBeLessThanOrEqual(2e-6 * Math.abs(value));
      });
      // The case is only worth something when some units are clipped and some are not.
      if (s.shape.length > 1) {
        expect(expected.some((value, i) => value === gradient[i])).toBe(true);
        expect(expected.some((value, i) => value !== gradient[i])).toBe(true);
      }
    }
  });

  it('norm: one factor for all, as torch.nn.utils.clip_grad_norm_', () => {
    const given = gradients();
    const norm = Math.hypot(...Object.values(given).flatMap((g) => [...g.dataSync()]));
    const clipped = clipGradients(given, parameters(), SPECS, { mode: 'norm', factor: 1 });
    for (const [name, g] of Object.entries(given)) {
      const actual = clipped[name]!.dataSync();
      g.dataSync().forEach((value, i) => {
        expect(Math.abs(actual[i]! - value / (norm + 1e-6))).toBeLessThanOrEqual(2e-6 * Math.abs(value));
      });
    }
    const untouched = clipGradients(given, parameters(), SPECS, { mode: 'norm', factor: 1e6 });
    for (const name of SPECS.keys()) expect(untouched[name]!.dataSync()).toEqual(given[name]!.dataSync());
  });

  it('value: each element', () => {
    const given = gradients();
    const clipped = clipGradients(given, parameters(), SPECS, { mode: 'value', factor: 0.25 });
    for (const [name, g] of Object.entries(given))
      expect(clipped[name]!.dataSync()).toEqual(
        g.dataSync().map((value) => Math.min(0.25, Math.max(-0.25, value))),
      );
  });

  it('leaves nothing but the result', async () => {
    const given = gradients();
    const weights = parameters();
    for (const mode of ['agc', 'norm', 'value'] as const)
      expect(
        await leaked(() => tf.dispose(clipGradients(given, weights, SPECS, { mode, factor: FACTOR }))),
      ).toBe(0);
  });
});
