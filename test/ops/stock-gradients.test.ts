import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import '../../src/ops/index.js';
import { describeBackends } from '../helpers/backends.js';
import { checkGradient, input, type Input } from './gradient-check.js';

/**
 * What training takes from TF.js as it is. Each must have its kernels, forward and backward, on every backend that trains, and
 * the right gradient.
 */
const positive = (key: string, shape: number[]): Input => {
  const result = input(key, shape);
  result.values.forEach((v, i) => (result.values[i] = 1.5 + v / 2));
  return result;
};

const x = (): Input => input('x', [3, 4]);
const y = (): Input => input('y', [3, 4]);

/** Name, function, inputs. Kinks are kept away from the points of the differences. */
const OPERATIONS: [string, (...xs: tf.Tensor[]) => tf.Tensor, Input[]][] = [
  ['elu + 1', (a) => tf.add(tf.elu(a!), 1), [input('elu', [3, 4], 3)]],
  ['softmax', (a) => tf.softmax(a!), [x()]],
  ['logSoftmax', (a) => tf.logSoftmax(a!), [x()]],
  ['sigmoid', (a) => tf.sigmoid(a!), [x()]],
  ['exp', (a) => tf.exp(a!), [x()]],
  ['log', (a) => tf.log(a!), [positive('log', [5])]],
  ['log1p', (a) => tf.log1p(a!), [positive('log1p', [5])]],
  ['sqrt', (a) => tf.sqrt(a!), [positive('sqrt', [5])]],
  ['rsqrt', (a) => tf.rsqrt(a!), [positive('rsqrt', [5])]],
  ['square', (a) => tf.square(a!), [x()]],
  ['relu', (a) => tf.relu(a!), [input('relu', [3, 4], 3)]],
  ['abs', (a) => tf.abs(a!), [input('abs', [3, 4], 3)]],
  ['div', (a, b) => tf.div(a!, b!), [x(), positive('by', [4])]],
  ['mul, broadcast', (a, b) => tf.mul(a!, b!), [x(), input('row', [4])]],
  ['sub, broadcast', (a, b) => tf.sub(a!, b!), [x(), input('column', [3, 1])]],
  ['addN', (a, b) => tf.addN([a!, b!, a!]), [x(), y()]],
  ['maximum', (a, b) => tf.maximum(a!, b!), [x(), input('far', [3, 4], 3)]],
  [
    'clipByValue',
    (a) => tf.clipByValue(a!, -1, 1),
    [{ shape: [4], values: Float32Array.of(-2, -0.5, 0.7, 3) }],
  ],
  [
    'where',
    (a, b) => tf.where(tf.tensor([true, false, true, false]).tile([3]).reshape([3, 4]), a!, b!),
    [x(), y()],
  ],
  ['max', (a) => tf.max(a!, 1), [input('max', [3, 4], 3)]],
  ['mean over space', (a) => tf.mean(a!, [1, 2]), [input('space', [2, 3, 2, 3])]],
  ['sum', (a) => tf.sum(a!, [0, 2]), [input('sum', [2, 3, 2])]],
  ['concat', (a, b) => tf.concat([a!, b!], 1), [x(), y()]],
  ['split', (a) => tf.concat(tf.split(a!, 2, 1).toReversed(), 1), [x()]],
  ['slice', (a) => tf.slice(a!, [1, 1], [2, 2]), [x()]],
  [
    'pad',
    (a) =>
      tf.pad(a!, [
        [0, 0],
        [1, 2],
        [2, 1],
        [0, 0],
      ]),
    [input('pad', [1, 2, 3, 2])],
  ],
  ['tile', (a) => tf.tile(a!, [2, 3]), [x()]],
  ['transpose', (a) => tf.transpose(a!, [2, 0, 1]), [input('t', [2, 3, 4])]],
  ['stack', (a, b) => tf.stack([a!, b!]), [x(), y()]],
  ['matMul', (a, b) => tf.matMul(a!, b!), [input('a', [2, 3, 4]), input('b', [2, 4, 5])]],
  [
    'matMul, first transposed',
    (a, b) => tf.matMul(a!, b!, true, false),
    [input('a', [2, 4, 3]), input('b', [2, 4, 5])],
  ],
  [
    'matMul, second transposed',
    (a, b) => tf.matMul(a!, b!, false, true),
    [input('a', [2, 3, 4]), input('b', [2, 5, 4])],
  ],
  ['gather', (a) => tf.gather(a!, tf.tensor1d([2, 0, 2], 'int32')), [x()]],
];

describeBackends(['cpu', 'wasm', 'node'], 'stock operations', () => {
  it.each(OPERATIONS)('%s has the right gradient', (_, operation, inputs) => {
    checkGradient(operation, inputs, 0.02, 1e-3);
  });

  it('has what a loss needs without a gradient', () => {
    tf.tidy(() => {
      const logits = tf.tensor2d([
        [1, 3, 2],
        [5, 4, 0],
      ]);
      const labels = tf.argMax(logits, 1);
      expect([...labels.dataSync()]).toEqual([1, 0]);
      expect([...tf.cast(tf.oneHot(labels, 3), 'float32').dataSync()]).toEqual([0, 1, 0, 1, 0, 0]);
      expect([...tf.sign(tf.tensor1d([-2, 0, 3])).dataSync()]).toEqual([-1, 0, 1]);
      expect([...tf.greater(logits, 2.5).dataSync()]).toEqual([0, 1, 0, 1, 1, 0]);
      expect([...tf.topk(logits, 2).indices.dataSync()]).toEqual([1, 2, 0, 1]);
    });
  });
});
