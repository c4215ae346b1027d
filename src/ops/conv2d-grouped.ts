import * as tf from '@tensorflow/tfjs';
import type { Convolutions, ConvolutionKind, Shape4D } from './conv2d-stock.js';

/** Up to this many groups each is convolved by itself; more would be too many small operations. */
const MAX_SPLITS = 4;

interface ConvAttrs {
  stride: number;
  groups: number;
}

/** The three kernels of a convolution with any number of groups, made of dense and depthwise ones. */
export function groupedKernels(convolutions: Convolutions): {
  forward: tf.KernelFunc;
  inputGrad: tf.KernelFunc;
  filterGrad: tf.KernelFunc;
} {
  return {
    forward: ({ inputs, attrs }) => {
      const { x, filter, bias } = inputs as { x: tf.Tensor4D; filter: tf.Tensor4D; bias?: tf.Tensor1D };
      const { stride, groups } = attrs as unknown as ConvAttrs;
      const kind = chooseKind(convolutions, groups, x.shape[3]);
      return tf.tidy(() => kind.forward(x, filter, stride, bias));
    },
    inputGrad: ({ inputs, attrs }) => {
      const { dy, filter } = inputs as { dy: tf.Tensor4D; filter: tf.Tensor4D };
      const { inputShape, stride, groups } = attrs as unknown as ConvAttrs & { inputShape: Shape4D };
      const kind = chooseKind(convolutions, groups, inputShape[3]);
      return tf.tidy(() => kind.inputGrad(dy, filter, inputShape, stride));
    },
    filterGrad: ({ inputs, attrs }) => {
      const { x, dy } = inputs as { x: tf.Tensor4D; dy: tf.Tensor4D };
      const { filterShape, stride, groups } = attrs as unknown as ConvAttrs & { filterShape: Shape4D };
      const kind = chooseKind(convolutions, groups, x.shape[3]);
      return tf.tidy(() => kind.filterGrad(x, dy, filterShape, stride));
    },
  };
}

function chooseKind({ dense, depthwise }: Convolutions, groups: number, channels: number): ConvolutionKind {
  if (groups === 1) return dense;
  if (groups === channels) return depthwise;
  return groups <= MAX_SPLITS ? splitKind(dense, groups) : expandedKind(depthwise, groups);
}

/** Each group convolved by itself. The filter's rows are sorted by group, so that all three tensors split into equal parts. */
function splitKind(dense: ConvolutionKind, groups: number): ConvolutionKind {
  const channelsOf = (t: tf.Tensor4D): tf.Tensor4D[] => tf.split(t, groups, 3);
  const rowsOf = (filter: tf.Tensor4D): tf.Tensor4D[] => tf.split(filter, groups, 2);
  return {
    forward: (x, filter, stride, bias) => {
      const filters = rowsOf(filter);
      const parts = channelsOf(x).map((part, g) => dense.forward(part, filters[g]!, stride));
      const y = tf.concat(parts, 3);
      return bias === undefined ? y : tf.add<tf.Tensor4D>(y, bias);
    },
    inputGrad: (dy, filter, [n, h, w, channels], stride) => {
      const filters = rowsOf(filter);
      const shape: Shape4D = [n, h, w, channels / groups];
      return tf.concat(
        channelsOf(dy).map((part, g) => dense.inputGrad(part, filters[g]!, shape, stride)),
        3,
      );
    },
    filterGrad: (x, dy, [kh, kw, channels, out], stride) => {
      const dys = channelsOf(dy);
      const shape: Shape4D = [kh, kw, channels / groups, out];
      return tf.concat(
        channelsOf(x).map((part, g) => dense.filterGrad(part, dys[g]!, shape, stride)),
        2,
      );
    },
  };
}

/**
 * Many groups: a depthwise convolution gives what every input channel adds to every output channel of its group, and the
 * sum over the inputs of a group is the result (the same products, added in another order).
 */
function expandedKind(depthwise: ConvolutionKind, groups: number): ConvolutionKind {
  // Every output channel's gradient goes to all inputs of its group.
  const spread = (dy: tf.Tensor4D, channels: number): tf.Tensor4D => {
    const [n, h, w, out] = dy.shape;
    const inputs = channels / groups;
    const grouped = tf.reshape(dy, [n * h * w * groups, 1, out / groups]);
    return tf.reshape(tf.tile(grouped, [1, inputs, 1]), [n, h, w, inputs * out]);
  };
  return {
    forward: (x, filter, stride, bias) => {
      const inputs = x.shape[3] / groups;
      const outputs = filter.shape[3];
      const terms = depthwise.forward(x, filter, stride);
      const [n, h, w] = terms.shape;
      const sums = tf.sum(tf.reshape(terms, [n * h * w * groups, inputs, outputs]), 1);
      const y = tf.reshape(sums, [n, h, w, groups * outputs]) as tf.Tensor4D;
      return bias === undefined ? y : tf.add<tf.Tensor4D>(y, bias);
    },
    inputGrad: (dy, filter, inputShape, stride) =>
      depthwise.inputGrad(spread(dy, inputShape[3]), filter, inputShape, stride),
    filterGrad: (x, dy, filterShape, stride) =>
      depthwise.filterGrad(x, spread(dy, x.shape[3]), filterShape, stride),
  };
}
