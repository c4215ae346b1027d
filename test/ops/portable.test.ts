import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import '../../src/ops/index.js';
import { describeBackends, leaked } from '../helpers/backends.js';
import { relativeError, values } from './gradient-check.js';

/**
 * webgl and webgpu run the portable kernels, compositions of stock ones. They are run here on the backends at hand and
 * compared with the kernels those have of their own, which the other tests hold against float64. (Convolutions are not
 * here: the cpu backend runs the portable ones, so test/ops/conv2d.test.ts holds them against float64 directly.)
 */
interface Call {
  kernel: string;
  inputs: Record<string, number[]>;
  attrs: tf.NamedAttrMap;
}

const CALLS: Call[] = [
  { kernel: 'RecNextGelu', inputs: { x: [5, 7] }, attrs: {} },
  { kernel: 'RecNextGeluGrad', inputs: { dy: [5, 7], x: [5, 7] }, attrs: {} },
  { kernel: 'RecNextResizeBilinear', inputs: { x: [2, 3, 4, 2] }, attrs: { size: [7, 5] } },
  {
    kernel: 'RecNextResizeBilinearGrad',
    inputs: { dy: [2, 7, 5, 2] },
    attrs: { inputShape: [2, 3, 8, 2] },
  },
  { kernel: 'RecNextResizeNearest', inputs: { x: [2, 3, 4, 2] }, attrs: { size: [7, 5] } },
  {
    kernel: 'RecNextResizeNearestGrad',
    inputs: { dy: [2, 7, 5, 2] },
    attrs: { inputShape: [2, 3, 8, 2] },
  },
];

function run(config: tf.KernelConfig, { inputs, attrs }: Call): Float32Array[] {
  return tf.tidy(() => {
    const tensors = Object.fromEntries(
      Object.entries(inputs).map(([name, shape]) => [name, tf.tensor(values(name, shape, 2), shape)]),
    );
    const result = config.kernelFunc({ inputs: tensors, attrs, backend: tf.backend() });
    return outputsOf(result).map((t) => t.dataSync<'float32'>());
  });
}

/** Kernels return bare descriptions or tensors; the engine makes tensors of the former. */
function outputsOf(result: tf.TensorInfo | tf.TensorInfo[]): tf.Tensor[] {
  return [result]
    .flat()
    .map((info) => (info instanceof tf.Tensor ? info : tf.engine().makeTensorFromTensorInfo(info)));
}

describeBackends(['cpu', 'wasm', 'node'], 'portable kernels', () => {
  const own = (kernel: string): tf.KernelConfig => tf.getKernel(kernel, tf.getBackend());
  const portable = (kernel: string): tf.KernelConfig => tf.getKernel(kernel, 'webgl');

  it.each(CALLS.map((call) => [call.kernel, call] as const))('%s', async (kernel, call) => {
    const expected = run(own(kernel), call);
    const actual = run(portable(kernel), call);
    expect(actual.length).toBe(expected.length);
    // 3.4e-7 of Erf's, times x up to 2 and again for the slope.
    actual.forEach((a, i) => expect(relativeError(a, expected[i]!)).toBeLessThan(2e-6));
    expect(await leaked(() => void run(portable(kernel), call))).toBe(0);
  });

  it('RecNextBatchNormTraining and its gradient', () => {
    const call: Call = {
      kernel: 'RecNextBatchNormTraining',
      inputs: { x: [2, 3, 4, 5], gamma: [5], beta: [5] },
      attrs: { epsilon: 1e-5 },
    };
    const backward = ({ kernelFunc }: tf.KernelConfig, forward: Float32Array[]): Float32Array[] =>
      tf.tidy(() => {
        const inputs: Record<string, tf.Tensor> = {
          dy: tf.tensor(values('dy', [120]), [2, 3, 4, 5]),
          x: tf.tensor(values('x', [120], 2), [2, 3, 4, 5]),
          gamma: tf.tensor(values('gamma', [5], 2)),
          mean: tf.tensor(forward[1]!),
        };
        forward.slice(3).forEach((reserve, i) => (inputs[`reserve${i}`] = tf.tensor(reserve)));
        const result = kernelFunc({ inputs, attrs: call.attrs, backend: tf.backend() });
        return outputsOf(result).map((t) => t.dataSync<'float32'>());
      });
    const expected = run(own(call.kernel), call);
    const actual = run(portable(call.kernel), call);
    for (const i of [0, 1, 2]) expect(relativeError(actual[i]!, expected[i]!)).toBeLessThan(2e-6);
    const gradients = backward(own('RecNextBatchNormTrainingGrad'), expected);
    backward(portable('RecNextBatchNormTrainingGrad'), actual).forEach((g, i) =>
      expect(relativeError(g, gradients[i]!)).toBeLessThan(5e-6),
    );
  });
});
