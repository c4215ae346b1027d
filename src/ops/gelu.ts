import * as tf from '@tensorflow/tfjs';
import { computeOnArrays } from './array-backend.js';
import { geluArray, geluGradArray } from './gelu-arrays.js';
import { registerGradientOnce, registerOpKernel, runKernel, single } from './register.js';

const GELU = 'RecNextGelu';
const GELU_GRAD = 'RecNextGeluGrad';

/**
 * Gaussian error linear unit in its exact form, `x * cdf(x)` with the normal distribution's cdf (PyTorch's `nn.GELU()`).
 *
 * Error against float64, measured on [-8, 8]: cpu and wasm round the exact value once, node is off by up to 1e-6 (its Erf by
 * 3.4e-7 near ±1). The GPU backends' Erf is Abramowitz and Stegun's, off by 1.7e-7 in the cdf.
 *
 * @param x any shape, float32
 * @returns the shape of x
 */
export function gelu(x: tf.Tensor): tf.Tensor {
  return runKernel(GELU, { x });
}

/** x/2 · (1 + erf(x/√2)) */
function portableGelu({ inputs }: { inputs: tf.NamedTensorInfoMap }): tf.TensorInfo {
  const x = inputs.x as tf.Tensor;
  return tf.tidy(() => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)));
}

/** dy · (cdf + x · pdf); with u = x/√2 that is dy/2 · (1 + erf(u) + 2/√π · u · exp(-u²)). */
function portableGeluGrad({ inputs }: { inputs: tf.NamedTensorInfoMap }): tf.TensorInfo {
  const { dy, x } = inputs as { dy: tf.Tensor; x: tf.Tensor };
  return tf.tidy(() => {
    const u = tf.mul(x, Math.SQRT1_2);
    const slope = tf.mul(tf.mul(u, 2 / Math.sqrt(Math.PI)), tf.exp(tf.neg(tf.square(u))));
    return tf.mul(tf.mul(dy, 0.5), tf.add(tf.add(tf.erf(u), slope), 1));
  });
}

const arrayGelu: tf.KernelFunc = ({ inputs, backend }) => {
  const x = inputs.x!;
  return computeOnArrays(backend, [x], [x.shape], ([xs], [ys]) => geluArray(xs!, ys!))[0]!;
};

const arrayGeluGrad: tf.KernelFunc = ({ inputs, backend }) => {
  const x = inputs.x!;
  return computeOnArrays(backend, [inputs.dy!, x], [x.shape], ([dys, xs], [dxs]) =>
    geluGradArray(dys!, xs!, dxs!),
  )[0]!;
};

export function registerGelu(): void {
  registerOpKernel({ name: GELU, portable: portableGelu, special: { cpu: arrayGelu, wasm: arrayGelu } });
  registerOpKernel({
    name: GELU_GRAD,
    portable: portableGeluGrad,
    special: { cpu: arrayGeluGrad, wasm: arrayGeluGrad },
  });
  registerGradientOnce({
    kernelName: GELU,
    inputsToSave: ['x'],
    gradFunc: (dy, [x]) => ({ x: () => runKernel<tf.Tensor>(GELU_GRAD, { dy: single(dy), x: x! }) }),
  });
}
