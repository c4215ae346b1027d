import { shapeOf, type Ref } from '../../graph.js';
import type { Op } from '../../ops.js';
import { orderWithout, placed, placesOf, plainOrder, reshapedOrder, transposedOrder } from '../axis-order.js';
import { elementwiseOrder, productPlan } from '../order-rules.js';
import type { CoremlBuilder } from './coreml-builder.js';
import type { CoremlLower, CoremlLowerTable, CoremlTensors } from './lowering.js';

type Elementwise = 'Add' | 'Sub' | 'Mul' | 'Div' | 'AddN' | 'Gelu' | 'Elu' | 'Relu' | 'Sigmoid';
type Shaping = 'Sum' | 'Mean' | 'Reshape' | 'Transpose' | 'Slice' | 'Concat' | 'Softmax' | 'MatMul';

function elementwise<O extends Op>(
  write: (inputs: readonly string[], to: CoremlBuilder) => string,
): CoremlLower<O> {
  return (node, tensors) => {
    const order = elementwiseOrder(node, tensors);
    return {
      name: write(
        node.inputs.map((ref) => tensors.broadcast(ref, order)),
        tensors.to,
      ),
      order,
    };
  };
}

const reduction =
  (kind: 'reduceSum' | 'reduceMean'): CoremlLower<'Sum' | 'Mean'> =>
  (node, tensors) => {
    const [x] = node.inputs as [Ref];
    const { axes, keepDims } = node.attrs;
    const order = orderOf(x, tensors);
    const name = tensors.to.add(kind, [tensors.name(x)], { axes: placesOf(order, axes), keepDims });
    return { name, order: keepDims ? order : orderWithout(order, axes) };
  };

export const tensors: CoremlLowerTable<Elementwise | Shaping> = {
  Add: elementwise((inputs, to) => to.add('addBroadcastable', inputs)),
  Sub: elementwise((inputs, to) => to.add('subtractBroadcastable', inputs)),
  Mul: elementwise((inputs, to) => to.add('multiplyBroadcastable', inputs)),
  Div: elementwise((inputs, to) => to.add('divideBroadcastable', inputs)),
  AddN: elementwise((inputs, to) => inputs.reduce((sum, x) => to.add('addBroadcastable', [sum, x]))),
  /** Its default mode is the exact one. */
  Gelu: elementwise((inputs, to) => to.add('gelu', inputs)),
  Elu: elementwise((inputs, to) => to.add('activation', inputs, { ELU: { alpha: 1 } })),
  Relu: elementwise((inputs, to) => to.add('activation', inputs, { ReLU: {} })),
  Sigmoid: elementwise((inputs, to) => to.add('activation', inputs, { sigmoid: {} })),
  Sum: reduction('reduceSum'),
  Mean: reduction('reduceMean'),
  Reshape: (node, all) => {
    const [x] = node.inputs as [Ref];
    const { shape } = node.outputs[0]!;
    const order = reshapedOrder(shapeOf(x), shape, orderOf(x, all));
    const input = order === undefined ? all.name(x, plainOrder(shapeOf(x).length)) : all.name(x);
    const result = order ?? plainOrder(shape.length);
    return {
      name: all.to.add('reshapeStatic', [input], { targetShape: placed(shape, result) }),
      order: result,
    };
  },
  /** Nothing is moved until something needs the axes in another order. */
  Transpose: (node, all) => {
    const [x] = node.inputs as [Ref];
    return { name: all.name(x), order: transposedOrder(orderOf(x, all), node.attrs.perm) };
  },
  Slice: (node, all) => {
    const [x] = node.inputs as [Ref];
    const order = orderOf(x, all);
    const begin = placed(node.attrs.begin, order);
    const end = begin.map((start, place) => start + node.outputs[0]!.shape[order[place]!]!);
    const none = order.map(() => false);
    const name = all.to.add('sliceStatic', [all.name(x)], {
      beginIds: begin,
      beginMasks: none,
      endIds: end,
      endMasks: none,
      strides: order.map(() => 1),
    });
    return { name, order };
  },
  Concat: (node, all) => {
    const order = elementwiseOrder(node, all);
    const inputs = node.inputs.map((ref) => all.name(ref, order));
    return { name: all.to.add('concatND', inputs, { axis: order.indexOf(node.attrs.axis) }), order };
  },
  Softmax: (node, all) => {
    const [x] = node.inputs as [Ref];
    const order = orderOf(x, all);
    return { name: all.to.add('softmaxND', [all.name(x)], { axis: order.indexOf(order.length - 1) }), order };
  },
  MatMul: (node, all) => {
    const { first, second, result } = productPlan(node, all);
    const inputs = [first, second].map(({ ref, order }) => all.name(ref, order));
    return { name: all.to.add('batchedMatmul', inputs), order: result };
  },
};

function orderOf(ref: Ref, all: CoremlTensors): readonly number[] {
  return all.order(ref) ?? plainOrder(shapeOf(ref).length);
}
