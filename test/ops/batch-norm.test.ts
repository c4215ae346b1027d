import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { batchNormTraining } from '../../src/ops/index.js';
import { UserError } from '../../src/errors.js';
import { describeBackends, leaked } from '../helpers/backends.js';
import { checkGradient, input, relativeError, taped, values, type Input } from './gradient-check.js';
import * as reference from './reference.js';

const EPSILON = 1e-5;

function normalise(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor {
  return batchNormTraining(x, gamma, beta, EPSILON).output;
}

function inputs(shape: number[]): [Input, Input, Input] {
  const channels = shape[shape.length - 1]!;
  const x = input('x', shape, 2);
  // Every channel with a mean of its own.
  x.values.forEach((v, i) => (x.values[i] = v + (i % channels)));
  return [x, input('gamma', [channels]), input('beta', [channels])];
}

describeBackends(['cpu', 'wasm', 'node'], 'batchNormTraining', () => {
  const shapes = [
    [2, 1],
    [7, 5],
    [2, 3, 5, 4],
    [3, 1, 1, 6],
    [1, 1, 2, 3],
  ];

  it.each(shapes.map((shape) => [shape]))('matches float64 on %j, values and gradients', (shape) => {
    const [x, gamma, beta] = inputs(shape);
    const dy = values('dy', shape);
    const expected = reference.batchNorm(x.values, gamma.values, beta.values, EPSILON, dy);
    tf.tidy(() => {
      const actual = batchNormTraining(
        tf.tensor(x.values, shape),
        tf.tensor(gamma.values),
        tf.tensor(beta.values),
        EPSILON,
      );
      expect(actual.output.shape).toEqual(shape);
      expect(relativeError(actual.output.dataSync(), expected.output)).toBeLessThan(1e-6);
      expect(relativeError(actual.mean.dataSync(), expected.mean)).toBeLessThan(1e-6);
      expect(relativeError(actual.variance.dataSync(), expected.unbiased)).toBeLessThan(1e-6);
    });
    const [dx, dgamma, dbeta] = taped(normalise, [x, gamma, beta], dy);
    expect(relativeError(dx!, expected.dx)).toBeLessThan(1e-6);
    expect(relativeError(dgamma!, expected.dgamma)).toBeLessThan(1e-6);
    expect(relativeError(dbeta!, expected.dbeta)).toBeLessThan(1e-6);
  });

  it.each([[[7, 5]], [[2, 3, 5, 4]]])('agrees with central differences on %j', (shape) => {
    checkGradient(normalise, inputs(shape), 0.02, 1e-3);
  });

  it('does not lose a small variance beside a large mean', () => {
    const x = Float32Array.from([1000, 1001, 1002, 1003]);
    tf.tidy(() => {
      const { mean, variance } = batchNormTraining(
        tf.tensor(x, [4, 1]),
        tf.ones([1]),
        tf.zeros([1]),
        EPSILON,
      );
      expect(mean.dataSync()[0]).toBeCloseTo(1001.5, 3);
      expect(variance.dataSync()[0]).toBeCloseTo(5 / 3, 3);
    });
  });

  it('normalises a constant channel to its shift', () => {
    tf.tidy(() => {
      const { output, variance } = batchNormTraining(
        tf.fill([5, 2], 0.3),
        tf.ones([2]),
        tf.tensor([1, -2]),
        EPSILON,
      );
      expect(relativeError(variance.dataSync(), [0, 0])).toBeLessThan(1e-9);
      expect(relativeError(output.dataSync(), [1, -2, 1, -2, 1, -2, 1, -2, 1, -2])).toBeLessThan(1e-4);
    });
  });

  it.each([[[1, 4]], [[1, 1, 1, 4]]])('refuses %j: one value per channel', (shape) => {
    tf.tidy(() => {
      const call = (): unknown => batchNormTraining(tf.ones(shape), tf.ones([4]), tf.ones([4]), EPSILON);
      expect(call).toThrow(UserError);
      expect(call).toThrow(`shape [${shape.join(', ')}]`);
    });
  });

  it('names shapes that do not fit', () => {
    tf.tidy(() => {
      const x = tf.ones([2, 4]);
      expect(() => batchNormTraining(x, tf.ones([3]), tf.ones([4]), EPSILON)).toThrow(
        'needs gamma of shape [4], got [3]',
      );
      expect(() => batchNormTraining(tf.ones([2, 3, 4]), tf.ones([4]), tf.ones([4]), EPSILON)).toThrow(
        'got one of shape [2, 3, 4]',
      );
    });
  });

  it('leaves no tensors behind', async () => {
    const [x, gamma, beta] = [tf.ones([4, 3]), tf.ones([3]), tf.zeros([3])];
    expect(
      await leaked(() => {
        const { output, mean, variance } = batchNormTraining(x, gamma, beta, EPSILON);
        tf.dispose([output, mean, variance]);
        tf.dispose(tf.grads(normalise)([x, gamma, beta]));
      }),
    ).toBe(0);
    tf.dispose([x, gamma, beta]);
  });
});
