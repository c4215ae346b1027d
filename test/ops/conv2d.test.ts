import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { conv2d } from '../../src/ops/index.js';
import { UserError } from '../../src/errors.js';
import { describeBackends, leaked } from '../helpers/backends.js';
import {
  checkGradient,
  evaluate,
  input,
  relativeError,
  taped,
  values,
  type Input,
} from './gradient-check.js';
import * as reference from './reference.js';

interface Case {
  /** height, width, channels */
  x: [number, number, number];
  out: number;
  kernel: number | [number, number];
  stride: 1 | 2;
  groups: number;
}

const CASES: Record<string, Case> = {
  'stem, even size': { x: [8, 6, 3], out: 4, kernel: 3, stride: 2, groups: 1 },
  'stem, odd size': { x: [7, 9, 3], out: 4, kernel: 3, stride: 2, groups: 1 },
  'stem, mixed size': { x: [6, 5, 3], out: 4, kernel: 3, stride: 2, groups: 1 },
  'dense 3 × 3': { x: [5, 4, 3], out: 2, kernel: 3, stride: 1, groups: 1 },
  'dense 3 × 5': { x: [5, 7, 2], out: 3, kernel: [3, 5], stride: 1, groups: 1 },
  'dense 1 × 1': { x: [3, 5, 4], out: 6, kernel: 1, stride: 1, groups: 1 },
  'dense 1 × 1 at stride 2': { x: [6, 5, 4], out: 3, kernel: 1, stride: 2, groups: 1 },
  'dense 1 × 1 at stride 2, one row': { x: [1, 5, 4], out: 3, kernel: 1, stride: 2, groups: 1 },
  'one pixel': { x: [1, 1, 3], out: 2, kernel: 3, stride: 1, groups: 1 },
  'depthwise 5 × 5': { x: [7, 6, 4], out: 4, kernel: 5, stride: 1, groups: 4 },
  'depthwise 5 × 5, stride 2, even': { x: [8, 14, 3], out: 3, kernel: 5, stride: 2, groups: 3 },
  'depthwise 5 × 5, stride 2, odd': { x: [7, 5, 3], out: 3, kernel: 5, stride: 2, groups: 3 },
  'depthwise 5 × 5, stride 2, mixed': { x: [7, 4, 3], out: 3, kernel: 5, stride: 2, groups: 3 },
  'depthwise 3 × 5, stride 2': { x: [6, 8, 3], out: 3, kernel: [3, 5], stride: 2, groups: 3 },
  'depthwise 5 × 5 on one pixel, stride 2': { x: [1, 1, 3], out: 3, kernel: 5, stride: 2, groups: 3 },
  'depthwise 5 × 5 on 2 × 2, stride 2': { x: [2, 2, 3], out: 3, kernel: 5, stride: 2, groups: 3 },
  'depthwise 3 × 3': { x: [4, 3, 5], out: 5, kernel: 3, stride: 1, groups: 5 },
  'depthwise 1 × 1': { x: [3, 4, 5], out: 5, kernel: 1, stride: 1, groups: 5 },
  'downsample: depthwise 7 × 7, multiplier 2': { x: [10, 8, 3], out: 6, kernel: 7, stride: 2, groups: 3 },
  'downsample, odd size': { x: [7, 9, 2], out: 4, kernel: 7, stride: 2, groups: 2 },
  'two groups, 1 × 1': { x: [3, 2, 6], out: 8, kernel: 1, stride: 1, groups: 2 },
  'four groups, 3 × 3, stride 2': { x: [5, 6, 8], out: 4, kernel: 3, stride: 2, groups: 4 },
  'many groups, 5 × 5, stride 2': { x: [6, 5, 10], out: 15, kernel: 5, stride: 2, groups: 5 },
  'many groups, 3 × 3': { x: [4, 3, 18], out: 12, kernel: 3, stride: 1, groups: 6 },
};

function prepare({ x: [h, w, c], out, kernel, groups }: Case): [Input, Input, Input] {
  const [kh, kw] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
  return [input('x', [2, h, w, c]), input('filter', [kh, kw, c, out / groups]), input('bias', [out])];
}

describeBackends(['cpu', 'wasm', 'node'], 'conv2d', () => {
  const apply =
    ({ stride, groups }: Case) =>
    (x: tf.Tensor, filter: tf.Tensor, bias?: tf.Tensor): tf.Tensor =>
      conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, { stride, groups, bias: bias as tf.Tensor1D });

  it.each(Object.entries(CASES))('%s: matches float64, values and gradients', (_, convolution) => {
    const [x, filter, bias] = prepare(convolution);
    const expected = reference.conv2d(
      x.values,
      x.shape as reference.Shape4D,
      filter.values,
      filter.shape as reference.Shape4D,
      convolution.stride,
      convolution.groups,
      (size) => values('dy', [size]),
    );
    const dy = values('dy', [expected.output.length]);
    const f = apply(convolution);
    expect(
      tf.tidy(() => f(tf.tensor(x.values, x.shape), tf.tensor(filter.values, filter.shape)).shape),
    ).toEqual(expected.shape);
    expect(relativeError(evaluate(f, [x, filter]), expected.output)).toBeLessThan(1e-6);
    const [dx, dfilter] = taped(f, [x, filter], dy);
    expect(relativeError(dx!, expected.dx)).toBeLessThan(1e-6);
    expect(relativeError(dfilter!, expected.dfilter)).toBeLessThan(1e-6);

    const channels = bias.values.length;
    const withBias = expected.output.map((v, i) => v + bias.values[i % channels]!);
    expect(relativeError(evaluate(f, [x, filter, bias]), withBias)).toBeLessThan(1e-6);
    const dbias = new Float64Array(channels);
    dy.forEach((g, i) => (dbias[i % channels]! += g));
    const gradients = taped(f, [x, filter, bias], dy);
    expect(relativeError(gradients[0]!, expected.dx)).toBeLessThan(1e-6);
    expect(relativeError(gradients[1]!, expected.dfilter)).toBeLessThan(1e-6);
    expect(relativeError(gradients[2]!, dbias)).toBeLessThan(1e-6);
  });

  it.each(
    [
      'stem, mixed size',
      'depthwise 5 × 5, stride 2, even',
      'downsample, odd size',
      'two groups, 1 × 1',
      'many groups, 5 × 5, stride 2',
    ].map((name) => [name, CASES[name]!] as const),
  )('%s: agrees with central differences', (_, convolution) => {
    checkGradient(apply(convolution), prepare(convolution), 0.5, 1e-5);
  });

  it('names shapes that do not fit', () => {
    tf.tidy(() => {
      const x = tf.ones<tf.Rank.R4>([1, 4, 4, 6]);
      const call =
        (filter: number[], options: Parameters<typeof conv2d>[2] = {}) =>
        () =>
          conv2d(x, tf.ones<tf.Rank>(filter) as tf.Tensor4D, options);
      expect(call([3, 3, 5, 2])).toThrow(UserError);
      expect(call([3, 3, 5, 2])).toThrow(
        'for 5 input channels, the input has 6: input [1, 4, 4, 6], filter [3, 3, 5, 2], 1 groups',
      );
      expect(call([3, 3, 6, 2], { groups: 4 })).toThrow('6 input channels cannot be split into 4 groups');
      expect(call([3, 3, 6, 2], { groups: 2, bias: tf.ones([2]) })).toThrow('bias of shape [4], got [2]');
      expect(call([2, 3, 6, 2])).toThrow('odd size');
      expect(call([3, 6, 2])).toThrow('filter [3, 6, 2]');
    });
  });

  it('leaves no tensors behind', async () => {
    for (const convolution of Object.values(CASES)) {
      const tensors = prepare(convolution).map((i) => tf.tensor(i.values, i.shape));
      const f = apply(convolution);
      const [x, filter, bias] = tensors as [tf.Tensor, tf.Tensor, tf.Tensor];
      expect(
        await leaked(() => {
          f(x, filter).dispose();
          f(x, filter, bias).dispose();
          tf.dispose(tf.grads(f)([x, filter, bias]));
        }),
      ).toBe(0);
      tf.dispose(tensors);
    }
  });
});
