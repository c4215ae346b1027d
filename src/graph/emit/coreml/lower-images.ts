import { shapeOf, type Ref } from '../../graph.js';
import type { HostValue } from '../../host-value.js';
import { CHANNELS_FIRST } from '../axis-order.js';
import { unsupported } from '../emit-error.js';
import { broadcastable, channelsFirstFilter } from '../host-tensors.js';
import { imageOrder } from '../order-rules.js';
import type { CoremlLowerTable } from './lowering.js';
import { ALIGN_CORNERS_FALSE, BILINEAR, NEAREST } from './proto.js';

type Images = 'Conv2d' | 'BatchNorm' | 'ResizeBilinear' | 'ResizeNearest';

export const images: CoremlLowerTable<Images> = {
  Conv2d: (node, tensors) => {
    const [x, filter, bias] = node.inputs as [Ref, Ref, Ref?];
    const { stride, groups, activation } = node.attrs;
    const weight = tensors.host(filter);
    const added = bias && tensors.host(bias);
    if (weight === undefined || (bias !== undefined && added === undefined))
      throw unsupported(node, 'coreml', 'takes only constant filters and biases here');
    const { shape, data } = channelsFirstFilter(weight, groups);
    const [outputChannels, kernelChannels, height, width] = shape as [number, number, number, number];
    const edges = [height >> 1, width >> 1].map((edge) => ({ startEdgeSize: edge, endEdgeSize: edge }));
    const y = tensors.to.add('convolution', [tensors.name(x, CHANNELS_FIRST)], {
      outputChannels,
      kernelChannels,
      nGroups: groups,
      kernelSize: [height, width],
      stride: [stride, stride],
      valid: { paddingAmounts: { borderAmounts: edges } },
      hasBias: added !== undefined,
      weights: tensors.to.weights(data as Float32Array, node.scope),
      ...(added !== undefined && { bias: tensors.to.weights(added.data as Float32Array, node.scope) }),
    });
    return {
      name: activation === 'relu' ? tensors.to.add('activation', [y], { ReLU: {} }) : y,
      order: CHANNELS_FIRST,
    };
  },
  /** As a factor and a summand for each channel. */
  BatchNorm: (node, tensors) => {
    const [x, ...statistics] = node.inputs as [Ref, Ref, Ref, Ref, Ref];
    const [mean, variance, beta, gamma] = statistics.map((ref) => tensors.host(ref)?.data);
    if (!mean || !variance || !beta || !gamma)
      throw unsupported(node, 'coreml', 'takes only constant statistics here');
    const order = imageOrder(shapeOf(x).length);
    const scale = Array.from(gamma, (g, i) => g / Math.sqrt(variance[i]! + node.attrs.epsilon));
    const shift = scale.map((s, i) => beta[i]! - mean[i]! * s);
    const channels = (values: readonly number[]): string => {
      const value: HostValue = { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) };
      return tensors.to.constant(broadcastable(value, order));
    };
    const scaled = tensors.to.add('multiplyBroadcastable', [tensors.name(x, order), channels(scale)]);
    return { name: tensors.to.add('addBroadcastable', [scaled, channels(shift)]), order };
  },
  ResizeBilinear: (node, tensors) => {
    const [x] = node.inputs as [Ref];
    const [, height, width] = shapeOf(x) as [number, number, number];
    const [toHeight, toWidth] = node.attrs.size;
    const factors = [factor(height, toHeight), factor(width, toWidth)];
    const whole = factors.every(Number.isInteger);
    const name = tensors.to.add('upsample', [tensors.name(x, CHANNELS_FIRST)], {
      ...(whole ? { scalingFactor: factors } : { fractionalScalingFactor: factors }),
      mode: BILINEAR,
      linearUpsampleMode: ALIGN_CORNERS_FALSE,
    });
    return { name, order: CHANNELS_FIRST };
  },
  /** Only whole factors are known: what is too much at the end is cut off. */
  ResizeNearest: (node, tensors) => {
    const [x] = node.inputs as [Ref];
    const [batch, height, width, channels] = shapeOf(x) as [number, number, number, number];
    const { size } = node.attrs;
    const factors = [Math.ceil(size[0] / height), Math.ceil(size[1] / width)] as const;
    if (!repeats(height, size[0], factors[0]) || !repeats(width, size[1], factors[1]))
      throw unsupported(
        node,
        'coreml',
        `repeats pixels only by whole factors, not ${height}×${width} to ${size.join('×')}`,
      );
    const name = tensors.to.add('upsample', [tensors.name(x, CHANNELS_FIRST)], {
      scalingFactor: factors,
      mode: NEAREST,
    });
    if (height * factors[0] === size[0] && width * factors[1] === size[1])
      return { name, order: CHANNELS_FIRST };
    const cut = tensors.to.add('sliceStatic', [name], {
      beginIds: [0, 0, 0, 0],
      beginMasks: [false, false, false, false],
      endIds: [batch, channels, ...size],
      endMasks: [false, false, false, false],
      strides: [1, 1, 1, 1],
    });
    return { name: cut, order: CHANNELS_FIRST };
  },
};

/** Lengths come out as ⌊length · factor⌋, counted in single precision: never one less than wanted. */
function factor(from: number, to: number): number {
  let scale = Math.fround(to / from);
  while (Math.floor(Math.fround(from * scale)) < to) scale = Math.fround(scale + scale * 2 ** -23);
  return scale;
}

/** Whether ⌊i · from / to⌋ is ⌊i / factor⌋ for every pixel. */
function repeats(from: number, to: number, factor: number): boolean {
  return Array.from({ length: to }).every((_, i) => Math.floor((i * from) / to) === Math.floor(i / factor));
}
