import type { GraphNode } from '../../../graph.js';
import type { Op } from '../../../ops.js';
import { elementwiseOrder } from '../../order-rules.js';
import type { OnnxBuilder } from '../onnx-builder.js';
import { ELEMENT_TYPE } from '../proto.js';
import type { OnnxLower, OnnxLowerOptions, OnnxLowerTable } from './lowering.js';

/** Operations that ONNX has under this name, with the same inputs. */
const DIRECT = {
  Add: 'Add',
  Sub: 'Sub',
  Mul: 'Mul',
  Div: 'Div',
  Pow: 'Pow',
  Maximum: 'Max',
  Minimum: 'Min',
  AddN: 'Sum',
  Greater: 'Greater',
  GreaterEqual: 'GreaterOrEqual',
  Less: 'Less',
  LessEqual: 'LessOrEqual',
  Equal: 'Equal',
  LogicalAnd: 'And',
  Select: 'Where',
  Neg: 'Neg',
  Exp: 'Exp',
  Log: 'Log',
  Sqrt: 'Sqrt',
  Reciprocal: 'Reciprocal',
  Abs: 'Abs',
  Sign: 'Sign',
  Floor: 'Floor',
  Erf: 'Erf',
  Relu: 'Relu',
  Sigmoid: 'Sigmoid',
  Tanh: 'Tanh',
  Elu: 'Elu',
} as const satisfies Partial<Record<Op, string>>;

type Write = (
  inputs: readonly string[],
  to: OnnxBuilder,
  options: OnnxLowerOptions,
  node: GraphNode,
) => string;

/** Operations made of others. */
const COMPOSED = {
  Square: ([x], to) => to.add('Mul', [x!, x!]),
  Rsqrt: ([x], to) => to.add('Reciprocal', [to.add('Sqrt', [x!])]),
  /** x · (1 + erf(x / √2)) · ½, in the order that onnxruntime makes one operation of. */
  Gelu: ([x], to, { opset }) => {
    if (opset === 20) return to.add('Gelu', [x!]);
    const erf = to.add('Erf', [to.add('Div', [x!, to.scalar(Math.SQRT2)])]);
    return to.add('Mul', [to.add('Mul', [x!, to.add('Add', [erf, to.scalar(1)])]), to.scalar(0.5)]);
  },
} as const satisfies Partial<Record<Op, Write>>;

type Elementwise = keyof typeof DIRECT | keyof typeof COMPOSED | 'Cast';

function elementwiseOp<O extends Op>(write: Write): OnnxLower<O> {
  return (node, tensors, options) => {
    const order = elementwiseOrder(node, tensors);
    const inputs = node.inputs.map((ref) => tensors.broadcast(ref, order));
    return { name: write(inputs, tensors.to, options, node), order };
  };
}

export const elementwise: OnnxLowerTable<Elementwise> = {
  ...(Object.fromEntries(
    Object.entries(DIRECT).map(([op, name]) => [op, elementwiseOp((inputs, to) => to.add(name, inputs))]),
  ) as unknown as OnnxLowerTable<keyof typeof DIRECT>),
  ...(Object.fromEntries(
    Object.entries(COMPOSED).map(([op, write]) => [op, elementwiseOp(write)]),
  ) as unknown as OnnxLowerTable<keyof typeof COMPOSED>),
  Cast: elementwiseOp((inputs, to, _, node) =>
    to.add('Cast', inputs, { to: { int: ELEMENT_TYPE[node.outputs[0]!.dtype] } }),
  ),
};
