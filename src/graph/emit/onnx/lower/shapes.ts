import { shapeOf, type Ref } from '../../../graph.js';
import {
  CHANNELS_FIRST,
  orderWithout,
  placed,
  placesOf,
  plainOrder,
  reshapedOrder,
  sameOrder,
  transposedOrder,
} from '../../axis-order.js';
import { elementwiseOrder, productPlan } from '../../order-rules.js';
import type { OnnxLower, OnnxLowerTable, OnnxTensors } from './lowering.js';

type Reduction = 'Sum' | 'Mean' | 'Max' | 'Min' | 'Prod';
type Shaping = Reduction | 'Reshape' | 'Transpose' | 'Slice' | 'Concat' | 'Pad' | 'Softmax' | 'MatMul';

/** The largest int64: "to the end". */
const END = Number.MAX_SAFE_INTEGER;

const reduction: OnnxLower<Reduction> = (node, tensors, { opset }) => {
  const { axes, keepDims } = node.attrs;
  const [x] = node.inputs as [Ref];
  const order = orderOf(x, tensors);
  const to = tensors.to;
  const places = placesOf(order, axes);
  const kept = { keepdims: { int: keepDims ? 1 : 0 } };
  const result = keepDims ? order : orderWithout(order, axes);
  if (node.op === 'Mean' && sameOrder(order, CHANNELS_FIRST) && String(places) === '2,3') {
    const pooled = to.add('GlobalAveragePool', [tensors.name(x)]);
    return { name: keepDims ? pooled : to.add('Flatten', [pooled], { axis: { int: 1 } }), order: result };
  }
  // Until opset 18 only the sum takes its axes as an input.
  const name =
    node.op === 'Sum' || opset > 17
      ? to.add(`Reduce${node.op}`, [tensors.name(x), to.ints(places)], kept)
      : to.add(`Reduce${node.op}`, [tensors.name(x)], { ...kept, axes: { ints: places } });
  return { name, order: result };
};

export const shapes: OnnxLowerTable<Shaping> = {
  Sum: reduction,
  Mean: reduction,
  Max: reduction,
  Min: reduction,
  Prod: reduction,
  Reshape: (node, tensors) => {
    const [x] = node.inputs as [Ref];
    const { shape } = node.outputs[0]!;
    const order = reshapedOrder(shapeOf(x), shape, orderOf(x, tensors));
    const input = order === undefined ? tensors.name(x, plainOrder(shapeOf(x).length)) : tensors.name(x);
    const result = order ?? plainOrder(shape.length);
    return {
      name: tensors.to.add('Reshape', [input, tensors.to.ints(placed(shape, result))]),
      order: result,
    };
  },
  /** Nothing is moved until something needs the axes in another order. */
  Transpose: (node, tensors) => {
    const [x] = node.inputs as [Ref];
    return { name: tensors.name(x), order: transposedOrder(orderOf(x, tensors), node.attrs.perm) };
  },
  Slice: (node, tensors) => {
    const [x] = node.inputs as [Ref];
    const { begin, size } = node.attrs;
    const order = orderOf(x, tensors);
    const cut = begin.flatMap((start, axis) => {
      const length = shapeOf(x)[axis]!;
      const whole = start === 0 && (size[axis] === -1 || size[axis] === length);
      return whole
        ? []
        : [{ start, end: size[axis] === -1 ? END : start + size[axis]!, place: order.indexOf(axis) }];
    });
    if (cut.length === 0) return { name: tensors.name(x), order };
    const list = (key: 'start' | 'end' | 'place'): string => tensors.to.ints(cut.map((part) => part[key]));
    return {
      name: tensors.to.add('Slice', [tensors.name(x), list('start'), list('end'), list('place')]),
      order,
    };
  },
  Concat: (node, tensors) => {
    const order = elementwiseOrder(node, tensors);
    const inputs = node.inputs.map((ref) => tensors.name(ref, order));
    return {
      name: tensors.to.add('Concat', inputs, { axis: { int: order.indexOf(node.attrs.axis) } }),
      order,
    };
  },
  Pad: (node, tensors) => {
    const [x] = node.inputs as [Ref];
    const { paddings, value } = node.attrs;
    const order = orderOf(x, tensors);
    const sides = ([0, 1] as const).flatMap((side) => order.map((axis) => paddings[axis]![side]));
    const inputs = [tensors.name(x), tensors.to.ints(sides), tensors.to.scalar(value)];
    return { name: tensors.to.add('Pad', inputs, { mode: { text: 'constant' } }), order };
  },
  Softmax: (node, tensors) => {
    const [x] = node.inputs as [Ref];
    const order = orderOf(x, tensors);
    const axis = order.indexOf(order.length - 1);
    return { name: tensors.to.add('Softmax', [tensors.name(x)], { axis: { int: axis } }), order };
  },
  MatMul: (node, tensors) => {
    const { first, second, result } = productPlan(node, tensors);
    const inputs = [first, second].map(({ ref, order }) => tensors.name(ref, order));
    return { name: tensors.to.add('MatMul', inputs), order: result };
  },
};

function orderOf(ref: Ref, tensors: OnnxTensors): readonly number[] {
  return tensors.order(ref) ?? plainOrder(shapeOf(ref).length);
}
