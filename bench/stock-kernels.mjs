/**
 * Loaded before a process of the benchmarks: on tfjs-node a training batch norm is made of TF.js' own operations (moments and arithmetic), as TF.js code without this
 * project has it, and not of TensorFlow's fused one. Its gradient stays the short formula, which is leaner than what automatic differentiation makes of moments.
 */
import * as tf from '@tensorflow/tfjs';
import '../dist/src/ops/index.js';

const KERNELS = ['RecNextBatchNormTraining', 'RecNextBatchNormTrainingGrad'];
// What a GPU's backend has is made of TF.js' own operations only.
for (const kernelName of KERNELS) {
  const { kernelFunc } = tf.getKernel(kernelName, 'webgl');
  tf.unregisterKernel(kernelName, 'tensorflow');
  tf.registerKernel({ kernelName, backendName: 'tensorflow', kernelFunc });
}
