import * as tf from '@tensorflow/tfjs';
import {
  stockConvolutions,
  stockKind,
  type Convolutions,
  type ConvolutionKind,
  type Shape4D,
} from './conv2d-stock.js';

/**
 * Convolutions on tfjs-node, whose depthwise and gradient kernels know only SAME and VALID. Our padding is SAME where the
 * stride is 1 or the size odd; at stride 2 and an even size SAME adds one zero less in front. A filter with a row (column)
 * of zeros appended makes it add ⌊k/2⌋ there again and changes nothing else. That is faster than padding the input: for
 * 5 × 5 at stride 2 on 56 × 56 × 48, batch 16, 0.75 against 1.4 ms.
 */
export const nodeConvolutions: Convolutions = {
  // The one kernel that takes numbers of zeros: 1.4 against 2.4 ms for the stem.
  dense: { ...sameKind('Conv2D'), forward: stockConvolutions.dense.forward },
  depthwise: sameKind('DepthwiseConv2dNative'),
};

function sameKind(name: 'Conv2D' | 'DepthwiseConv2dNative'): ConvolutionKind {
  const stock = stockKind(name, () => 'same');
  return {
    forward: (x, filter, stride, bias) =>
      stock.forward(x, appendZeros(filter, extension(x.shape, filter.shape, stride)), stride, bias),
    inputGrad: (dy, filter, inputShape, stride) =>
      stock.inputGrad(
        dy,
        appendZeros(filter, extension(inputShape, filter.shape, stride)),
        inputShape,
        stride,
      ),
    filterGrad: (x, dy, filterShape, stride) => {
      const [rows, columns] = extension(x.shape, filterShape, stride);
      const [height, width, channels, outputs] = filterShape;
      const extended = stock.filterGrad(x, dy, [height + rows, width + columns, channels, outputs], stride);
      return rows + columns === 0 ? extended : tf.slice4d(extended, [0, 0, 0, 0], filterShape);
    },
  };
}

/** Rows and columns of zeros that make SAME pad symmetrically. A 1 × 1 filter is never padded. */
function extension(
  [, height, width]: readonly number[],
  [kernelHeight, kernelWidth]: Shape4D,
  stride: number,
): [number, number] {
  const needed = (size: number, kernel: number): number =>
    stride === 2 && size % 2 === 0 && kernel > 1 ? 1 : 0;
  return [needed(height!, kernelHeight), needed(width!, kernelWidth)];
}

function appendZeros(filter: tf.Tensor4D, [rows, columns]: [number, number]): tf.Tensor4D {
  if (rows + columns === 0) return filter;
  return tf.pad4d(filter, [
    [0, rows],
    [0, columns],
    [0, 0],
    [0, 0],
  ]);
}
