import { shapeOf, type Ref } from '../../../graph.js';
import { CHANNELS_FIRST } from '../../axis-order.js';
import { channelsFirstFilter } from '../../host-tensors.js';
import { imageOrder } from '../../order-rules.js';
import { unsupported } from '../../emit-error.js';
import type { OnnxAttr } from '../proto.js';
import { isQuantizable, QuantizedTensor, tensorKey } from '../quantization.js';
import type { OnnxLower, OnnxLowerTable } from './lowering.js';

type Images = 'Conv2d' | 'BatchNorm' | 'ResizeBilinear' | 'ResizeNearest';

/**
 * Resizes by factors, as the batch may be open. The length comes out as ⌊length · factor⌋, counted in single precision: where that would be one less, the
 * next larger factor is taken, which moves no pixel by more than a rounding error.
 */
const resize =
  (mode: Readonly<Record<string, OnnxAttr>>): OnnxLower<'ResizeBilinear' | 'ResizeNearest'> =>
  (node, tensors) => {
    const [x] = node.inputs as [Ref];
    const [, height, width] = shapeOf(x) as [number, number, number];
    const factors = [1, 1, factor(height, node.attrs.size[0]), factor(width, node.attrs.size[1])];
    const scales = tensors.to.initializer('float32', [4], Float32Array.from(factors));
    // The second input, a region of interest, is left out.
    const name = tensors.to.add('Resize', [tensors.name(x, CHANNELS_FIRST), '', scales], mode);
    return { name, order: CHANNELS_FIRST };
  };

function factor(from: number, to: number): number {
  let scale = Math.fround(to / from);
  while (Math.floor(Math.fround(from * scale)) < to) scale = Math.fround(scale + scale * 2 ** -23);
  return scale;
}

export const images: OnnxLowerTable<Images> = {
  Conv2d: (node, tensors, { ranges }) => {
    const [x, filter, bias] = node.inputs as [Ref, Ref, Ref?];
    const { stride, groups, activation } = node.attrs;
    const { to } = tensors;
    const host = tensors.host(filter);
    if (host === undefined) throw unsupported(node, 'onnx', 'takes only constant filters here');
    const [height, width] = host.shape as [number, number];
    const [top, left] = [height >> 1, width >> 1];
    const convolve = (inputs: readonly string[]): string => {
      const name = to.add('Conv', inputs, {
        group: { int: groups },
        kernel_shape: { ints: [height, width] },
        pads: { ints: [top, left, top, left] },
        strides: { ints: [stride, stride] },
      });
      return activation === 'relu' ? to.add('Relu', [name]) : name;
    };
    const values = channelsFirstFilter(host, groups);
    const image = tensors.name(x, CHANNELS_FIRST);
    const [rangeOfX, rangeOfY] = [ranges?.get(tensorKey(x)), ranges?.get(tensorKey({ node, output: 0 }))];
    const hostBias = bias && tensors.host(bias);
    const constant = bias === undefined || hostBias !== undefined;
    if (rangeOfX !== undefined && rangeOfY !== undefined && isQuantizable(node) && constant) {
      const quantized = new QuantizedTensor(rangeOfX);
      const name = filter.node.op === 'Variable' ? filter.node.attrs.name : undefined;
      const y = convolve([quantized.write(to, image), ...quantized.writeWeights(to, values, hostBias, name)]);
      return { name: new QuantizedTensor(rangeOfY).write(to, y), order: CHANNELS_FIRST };
    }
    const y = convolve([
      image,
      tensors.constant(filter, values, `filter of ${groups}`),
      ...(bias === undefined ? [] : [tensors.name(bias)]),
    ]);
    return { name: y, order: CHANNELS_FIRST };
  },
  BatchNorm: (node, tensors) => {
    const [x, mean, variance, beta, gamma] = node.inputs as [Ref, Ref, Ref, Ref, Ref];
    const order = imageOrder(shapeOf(x).length);
    const statistics = [gamma, beta, mean, variance].map((ref) => tensors.name(ref));
    const name = tensors.to.add('BatchNormalization', [tensors.name(x, order), ...statistics], {
      epsilon: { float: node.attrs.epsilon },
    });
    return { name, order };
  },
  ResizeBilinear: resize({
    mode: { text: 'linear' },
    coordinate_transformation_mode: { text: 'half_pixel' },
  }),
  ResizeNearest: resize({
    mode: { text: 'nearest' },
    coordinate_transformation_mode: { text: 'asymmetric' },
    nearest_mode: { text: 'floor' },
  }),
};
