import * as tf from '@tensorflow/tfjs';
import { computeOnArrays } from './array-backend.js';
import type { Shape4D } from './conv2d-stock.js';
import { depthwiseFilterGradArray } from './depthwise-filter-gradient.js';
import { registerKernelOnce, runKernel } from './register.js';
import { spreadGradient } from './spread-gradient.js';
import { unfold } from './unfold.js';

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
 * One product of the unfolded input and dy. The input is laid out transposed, since XNNPACK multiplies only matrices that
 * are not marked as transposed: 4 ms, against 43 ms by a plain loop, for 1 × 1, 48 → 96 channels and 12,544 positions.
 */
const conv2dBackpropFilter: tf.KernelFunc = ({ inputs, attrs }) => {
  const { x, dy } = inputs as { x: tf.Tensor4D; dy: tf.Tensor4D };
  const { filterShape } = attrs as unknown as GradAttrs;
  const info = convInfo(attrs, x.shape, filterShape, false);
  const [height, width, inChannels, outChannels] = filterShape;
  return tf.tidy(() => {
    const { strideHeight, strideWidth, padInfo } = info;
    const pointwise = Math.max(height, width, strideHeight, strideWidth) === 1 && padInfo.type === 'VALID';
    const unfolded = pointwise ? tf.transpose(tf.reshape(x, [-1, inChannels])) : unfold(x, info);
    return tf.reshape(tf.matMul(unfolded, tf.reshape(dy, [-1, outChannels])), filterShape);
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
