import * as tf from '@tensorflow/tfjs';
import { computeOnArrays } from './array-backend.js';
import type { Shape4D } from './conv2d-stock.js';
import { depthwiseFilterGradArray } from './depthwise-filter-gradient.js';
import { registerKernelOnce, runKernel } from './register.js';
import { spreadGradient } from './spread-gradient.js';

/** The attributes of TF.js' convolution gradient kernels. */
interface GradAttrs {
  strides: number | [number, number];
  pad: Parameters<typeof tf.backend_util.computeConv2DInfo>[4];
  dilations?: number | [number, number];
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  filterShape: Shape4D;
  inputShape: Shape4D;
}

function convInfo(
  attrs: tf.NamedAttrMap | undefined,
  inputShape: Shape4D,
  filterShape: Shape4D,
  depthwise: boolean,
): tf.backend_util.Conv2DInfo {
  const { strides, pad, dilations, dimRoundingMode } = attrs as unknown as GradAttrs;
  return tf.backend_util.computeConv2DInfo(
    inputShape,
    filterShape,
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    depthwise,
  );
}

/**
 * One product xᵀ · dy for each tap of the filter, x being the positions that the tap met. Both matrices are laid out so that
 * XNNPACK takes them: xᵀ is copied, since a matrix marked as transposed is multiplied by a plain loop (4 against 43 ms).
 */
const conv2dBackpropFilter: tf.KernelFunc = ({ inputs, attrs }) => {
  const { x, dy } = inputs as { x: tf.Tensor4D; dy: tf.Tensor4D };
  const { filterShape } = attrs as unknown as GradAttrs;
  const info = convInfo(attrs, x.shape, filterShape, false);
  const { outHeight, outWidth, strideHeight, strideWidth, padInfo } = info;
  const [height, width, inChannels, outChannels] = filterShape;
  return tf.tidy(() => {
    const columns = tf.reshape(dy, [-1, outChannels]);
    const padded = tf.pad4d(x, [
      [0, 0],
      [padInfo.top, padInfo.bottom],
      [padInfo.left, padInfo.right],
      [0, 0],
    ]);
    const taps: tf.Tensor2D[] = [];
    for (let ky = 0; ky < height; ky++)
      for (let kx = 0; kx < width; kx++)
        taps.push(
          tf.tidy(() => {
            const met = tf.stridedSlice(
              padded,
              [0, ky, kx, 0],
              [
                info.batchSize,
                ky + (outHeight - 1) * strideHeight + 1,
                kx + (outWidth - 1) * strideWidth + 1,
                inChannels,
              ],
              [1, strideHeight, strideWidth, 1],
            );
            return tf.matMul<tf.Tensor2D>(tf.transpose(tf.reshape(met, [-1, inChannels])), columns);
          }),
        );
    return tf.reshape(tf.concat(taps), filterShape);
  });
};

const depthwiseBackpropFilter: tf.KernelFunc = ({ inputs, attrs, backend }) => {
  const { x, dy } = inputs as { x: tf.Tensor4D; dy: tf.Tensor4D };
  const { filterShape } = attrs as unknown as GradAttrs;
  const info = convInfo(attrs, x.shape, filterShape, true);
  return computeOnArrays(backend, [x, dy], [filterShape], ([xs, dys], [dw]) =>
    depthwiseFilterGradArray(xs!, dys!, dw!, {
      ...info,
      multiplier: filterShape[3],
      top: info.padInfo.top,
      left: info.padInfo.left,
    }),
  )[0]!;
};

/** A depthwise convolution of the spread gradient with the turned filter, then the sum over the multiplier. */
const depthwiseBackpropInput: tf.KernelFunc = ({ inputs, attrs }) => {
  const { dy, filter } = inputs as { dy: tf.Tensor4D; filter: tf.Tensor4D };
  const { inputShape } = attrs as unknown as GradAttrs;
  const info = convInfo(attrs, inputShape, filter.shape, true);
  const [height, width, channels, multiplier] = filter.shape;
  return tf.tidy(() => {
    const spread = spreadGradient(
      dy,
      [height, width],
      inputShape,
      [info.strideHeight, info.strideWidth],
      [info.padInfo.top, info.padInfo.left],
    );
    const turned = tf.reshape(tf.reverse(filter, [0, 1]), [height, width, channels * multiplier, 1]);
    const terms = runKernel<tf.Tensor4D>(
      'DepthwiseConv2dNative',
      { x: spread, filter: turned },
      { strides: [1, 1], pad: 'valid', dilations: [1, 1] },
    );
    if (multiplier === 1) return terms;
    return tf.reshape(tf.sum(tf.reshape(terms, [-1, multiplier]), 1), inputShape);
  });
};

/** The convolution gradients that tfjs-backend-wasm 4.22 lacks. A later version that has them keeps its own. */
export function registerWasmConvGradients(): void {
  registerKernelOnce('Conv2DBackpropFilter', 'wasm', conv2dBackpropFilter);
  registerKernelOnce('DepthwiseConv2dNativeBackpropFilter', 'wasm', depthwiseBackpropFilter);
  registerKernelOnce('DepthwiseConv2dNativeBackpropInput', 'wasm', depthwiseBackpropInput);
}
