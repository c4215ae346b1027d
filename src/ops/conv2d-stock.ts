import type * as tf from '@tensorflow/tfjs';
import { runKernel } from './register.js';

export type Shape4D = [number, number, number, number];

/** Convolutions of one group ("dense") and of one group a channel ("depthwise"), padded by ⌊k/2⌋: what the rest is made of. */
export interface Convolutions {
  dense: ConvolutionKind;
  depthwise: ConvolutionKind;
}

export interface ConvolutionKind {
  forward(x: tf.Tensor4D, filter: tf.Tensor4D, stride: number, bias?: tf.Tensor1D): tf.Tensor4D;
  inputGrad(dy: tf.Tensor4D, filter: tf.Tensor4D, inputShape: Shape4D, stride: number): tf.Tensor4D;
  filterGrad(x: tf.Tensor4D, dy: tf.Tensor4D, filterShape: Shape4D, stride: number): tf.Tensor4D;
}

/** Padding as TF.js' kernels take it: by rule, or so many zeros before and after each axis. */
type Padding = 'same' | tf.backend_util.ExplicitPadding;

/** By TF.js' own kernels, told how many zeros to add: on wasm 1.1 to 1.9 times as fast as adding them first. */
export const stockConvolutions: Convolutions = {
  dense: stockKind('Conv2D', symmetricPadding),
  depthwise: stockKind('DepthwiseConv2dNative', symmetricPadding),
};

/**
 * ⌊k/2⌋ zeros on every side. (TF.js also takes one number for all sides, but then reads the filter's height for its width.)
 */
export function symmetricPadding([height, width]: readonly number[]): tf.backend_util.ExplicitPadding {
  const rows = Math.floor(height! / 2);
  const columns = Math.floor(width! / 2);
  return [
    [0, 0],
    [rows, rows],
    [columns, columns],
    [0, 0],
  ];
}

/** The three stock kernels of one kind of convolution, their padding chosen by the filter's shape. */
export function stockKind(
  name: 'Conv2D' | 'DepthwiseConv2dNative',
  padding: (filterShape: readonly number[]) => Padding,
): ConvolutionKind {
  const attrs = (filterShape: readonly number[], stride: number): Record<string, tf.Attribute> => ({
    strides: [stride, stride],
    pad: padding(filterShape),
    dilations: [1, 1],
    dataFormat: 'NHWC',
  });
  const fused = name === 'Conv2D' ? 'FusedConv2D' : 'FusedDepthwiseConv2D';
  return {
    forward: (x, filter, stride, bias) => {
      const common = attrs(filter.shape, stride);
      if (bias === undefined) return runKernel<tf.Tensor4D>(name, { x, filter }, common);
      return runKernel<tf.Tensor4D>(fused, { x, filter, bias }, { ...common, activation: 'linear' });
    },
    inputGrad: (dy, filter, inputShape, stride) =>
      runKernel<tf.Tensor4D>(
        `${name}BackpropInput`,
        { dy, filter },
        { ...attrs(filter.shape, stride), inputShape },
      ),
    filterGrad: (x, dy, filterShape, stride) =>
      runKernel<tf.Tensor4D>(
        `${name}BackpropFilter`,
        { x, dy },
        { ...attrs(filterShape, stride), filterShape },
      ),
  };
}
