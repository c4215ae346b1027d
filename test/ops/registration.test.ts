import * as tf from '@tensorflow/tfjs';
import { expect, it, vi } from 'vitest';
import * as ops from '../../src/ops/index.js';
import { BACKENDS } from '../../src/ops/register.js';
import { describeBackends } from '../helpers/backends.js';

const KERNELS = [
  'RecNextGelu',
  'RecNextBatchNormTraining',
  'RecNextResizeBilinear',
  'RecNextResizeNearest',
  'RecNextConv2d',
];

const GRADIENT_KERNELS = [
  'RecNextGeluGrad',
  'RecNextBatchNormTrainingGrad',
  'RecNextResizeBilinearGrad',
  'RecNextResizeNearestGrad',
  'RecNextConv2dBackpropInput',
  'RecNextConv2dBackpropFilter',
];

it('registers every kernel for every backend, and a gradient for every forward kernel', () => {
  for (const backend of BACKENDS)
    for (const kernel of [...KERNELS, ...GRADIENT_KERNELS])
      expect(tf.getKernel(kernel, backend), `${kernel} on ${backend}`).toBeDefined();
  for (const kernel of KERNELS) expect(tf.getGradient(kernel), kernel).toBeDefined();
});

it('can be loaded twice: no warning, and the first registration stays', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  const before = [...KERNELS, ...GRADIENT_KERNELS].map((kernel) => tf.getKernel(kernel, 'cpu'));
  const gradients = KERNELS.map((kernel) => tf.getGradient(kernel));
  vi.resetModules();
  const copy = await import('../../src/ops/index.js');
  expect(copy.gelu).not.toBe(ops.gelu);
  expect([...KERNELS, ...GRADIENT_KERNELS].map((kernel) => tf.getKernel(kernel, 'cpu'))).toEqual(before);
  expect(KERNELS.map((kernel) => tf.getGradient(kernel))).toEqual(gradients);
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});

describeBackends(['cpu', 'wasm', 'node'], 'operations', () => {
  it('run through the engine as one kernel each, backward as well', async () => {
    const x = tf.ones<tf.Rank.R4>([1, 4, 4, 2]);
    const calls: Record<string, (x: tf.Tensor) => tf.Tensor> = {
      RecNextGelu: ops.gelu,
      RecNextBatchNormTraining: (t) => ops.batchNormTraining(t, tf.ones([2]), tf.zeros([2]), 1e-5).output,
      RecNextResizeBilinear: (t) => ops.resizeBilinear(t as tf.Tensor4D, [2, 2]),
      RecNextResizeNearest: (t) => ops.resizeNearest(t as tf.Tensor4D, [8, 8]),
      RecNextConv2d: (t) => ops.conv2d(t as tf.Tensor4D, tf.ones([3, 3, 2, 1]), { groups: 2 }),
    };
    for (const [kernel, call] of Object.entries(calls)) {
      const { kernelNames } = await tf.profile(() => tf.tidy(() => tf.grad(call)(x)));
      expect(kernelNames).toContain(kernel);
      expect(kernelNames).toContain(kernel === 'RecNextConv2d' ? `${kernel}BackpropInput` : `${kernel}Grad`);
    }
    x.dispose();
  });
});
