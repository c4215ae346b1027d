import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { AdamW } from '../../src/train/adamw.js';
import { describeBackends, leaked } from '../helpers/backends.js';
import { uniform } from '../helpers/synthetic.js';

const OPTIONS = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.025 } as const;
const SHAPES: [string, number[]][] = [
  ['conv.weight', [3, 3, 2, 4]],
  ['linear.weight', [5, 3]],
  ['linear.bias', [3]],
  ['table.bias', [2, 2]],
];

/** torch.optim.AdamW in double, on one parameter: the parameter after each of the updates. */
function reference(
  start: Float32Array,
  gradients: Float32Array[],
  lrs: number[],
  decay: number,
): Float64Array[] {
  const p = Float64Array.from(start);
  const m = new Float64Array(p.length);
  const v = new Float64Array(p.length);
  return gradients.map((g, step) => {
    const lr = lrs[step]!;
    for (let i = 0; i < p.length; i++) {
      m[i] = 0.9 * m[i]! + 0.1 * g[i]!;
      v[i] = 0.999 * v[i]! + 0.001 * g[i]! ** 2;
      const mHat = m[i]! / (1 - 0.9 ** (step + 1));
      const vHat = v[i]! / (1 - 0.999 ** (step + 1));
      p[i] = p[i]! * (1 - lr * decay) - (lr * mHat) / (Math.sqrt(vHat) + 1e-8);
    }
    return p.slice();
  });
}

describeBackends(['cpu', 'wasm', 'node'], 'AdamW', () => {
  const parametersOf = () =>
    new Map(
      SHAPES.map(([name, shape]) => {
        const values = Float32Array.from(uniform(name, tf.util.sizeFromShape(shape)));
        return [name, tf.tidy(() => tf.variable(tf.tensor(values, shape)))];
      }),
    );
  // Magnitudes from 1e-9 to 1, so that eps counts in some updates.
  const gradientAt = (name: string, shape: number[], step: number) =>
    Float32Array.from(
      uniform(`${name}/${step}`, tf.util.sizeFromShape(shape)),
      (u, i) => u * 10 ** (-9 * (i % 2)),
    );
  const update = (optimizer: AdamW, step: number, lr: number) => {
    const gradients = Object.fromEntries(
      SHAPES.map(([name, shape]) => [name, tf.tensor(gradientAt(name, shape, step), shape)]),
    );
    const scalars = optimizer.nextScalars(lr);
    optimizer.update(gradients, scalars);
    tf.dispose([gradients, scalars as unknown as tf.NamedTensorMap]);
  };

  it('follows torch.optim.AdamW in double over 20 updates, with decay on weights alone', () => {
    const lrs = Array.from({ length: 20 }, (_, i) => 1e-2 / (i + 1));
    const parameters = parametersOf();
    const optimizer = new AdamW(parameters, OPTIONS);
    lrs.forEach((lr, step) => update(optimizer, step, lr));
    for (const [name, shape] of SHAPES) {
      const start = Float32Array.from(uniform(name, tf.util.sizeFromShape(shape)));
      const gradients = lrs.map((_, step) => gradientAt(name, shape, step));
      const expected = reference(start, gradients, lrs, name.endsWith('.weight') ? 0.025 : 0).at(-1)!;
      const actual = parameters.get(name)!.dataSync();
      expected.forEach((value, i) =>
        expect(Math.abs(actual[i]! - value), `${name}[${i}]`).toBeLessThan(1e-6),
      );
    }
    optimizer.dispose();
    parameters.forEach((variable) => variable.dispose());
  });

  it('goes on from a restored state bit by bit', () => {
    const whole = parametersOf();
    const first = new AdamW(whole, OPTIONS);
    for (let step = 0; step < 3; step++) update(first, step, 1e-2);
    const copies = new Map([...whole].map(([name, variable]) => [name, tf.variable(variable)]));
    const second = new AdamW(copies, OPTIONS);
    for (const [name, variable] of second.state())
      tf.tidy(() => variable.assign(tf.tensor(first.state().get(name)!.dataSync().slice(), variable.shape)));
    second.steps = first.steps;
    for (let step = 3; step < 6; step++) {
      update(first, step, 1e-2);
      update(second, step, 1e-2);
    }
    for (const [name, variable] of whole) expect(copies.get(name)!.dataSync()).toEqual(variable.dataSync());
  });

  it('leaves no tensor behind', async () => {
    const parameters = parametersOf();
    const optimizer = new AdamW(parameters, OPTIONS);
    update(optimizer, 0, 1e-3);
    expect(await leaked(() => update(optimizer, 1, 1e-3))).toBe(0);
    expect(await leaked(() => optimizer.dispose())).toBe(-2 * SHAPES.length);
  });
});
