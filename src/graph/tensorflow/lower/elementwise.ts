import { typeOf, type GraphNode, type Ref } from '../../graph.js';
import { BINARY, COMPARISON, UNARY, type Op } from '../../ops.js';
import type { NodeBuilder } from '../node-builder.js';
import { FLOAT } from '../node-def.js';
import type { Lower, LowerTable } from './lowering.js';

type Elementwise =
  | Exclude<(typeof BINARY)[number] | (typeof COMPARISON)[number] | (typeof UNARY)[number], 'Gelu'>
  | 'Cast'
  | 'Select'
  | 'AddN'
  | 'EluGrad';

/** TensorFlow's names where they are not ours. */
const NAMES: Readonly<Record<string, string>> = { Add: 'AddV2', Div: 'RealDiv' };

/** One TensorFlow operation of the same inputs, of the first input's type. */
const same: Lower<Op> = (node, inputs, to) => [
  to.op(NAMES[node.op] ?? node.op, inputs, { type: typeOf(node.inputs[0]!).dtype }),
];

const direct = Object.fromEntries(
  [...BINARY, ...COMPARISON, ...UNARY].filter((op) => op !== 'Gelu').map((op) => [op, same]),
) as unknown as LowerTable<Elementwise>;

export const elementwise: LowerTable<Elementwise> = {
  ...direct,
  Add: (node, inputs, to, options) =>
    node.inputs.some(isBiasedDepthwise) && !options.nativeOps
      ? [addAsRows(node, inputs, to)]
      : same(node, inputs, to, options),
  Equal: compare,
  NotEqual: compare,
  LogicalAnd: (_, inputs, to) => [to.add('LogicalAnd', inputs)],
  Cast: (node, inputs, to) => [
    to.add('Cast', inputs, {
      SrcT: { type: typeOf(node.inputs[0]!).dtype },
      DstT: { type: node.outputs[0]!.dtype },
    }),
  ],
  Select: (node, inputs, to) => [to.op('SelectV2', inputs, { type: node.outputs[0]!.dtype })],
  AddN: (_, inputs, to) => [to.add('AddN', inputs, { T: FLOAT, N: { int: inputs.length } })],
  /** dy where y > 0, else dy (y + 1). */
  EluGrad: (_, inputs, to) => [to.op('EluGrad', inputs)],
};

/**
 * TensorFlow's optimizer (2.21) takes a depthwise convolution, its bias and an addition for one operation, for which it has none: it writes a node without an
 * operation, gives up, and fuses nothing in the whole graph. As rows of channels it does not recognise the addition.
 */
function isBiasedDepthwise({ node }: Ref): boolean {
  return node.op === 'Conv2d' && node.inputs.length === 3 && node.attrs.groups > 1;
}

function addAsRows(node: GraphNode, inputs: readonly string[], to: NodeBuilder): string {
  const [, ...image] = node.outputs[0]!.shape;
  const rows = inputs.map((input) => to.reshape(input, [-1, image.at(-1)!]));
  return to.reshape(to.op('AddV2', rows), [-1, ...image]);
}

function compare(
  { op, inputs: refs }: Extract<GraphNode, { op: 'Equal' | 'NotEqual' }>,
  inputs: readonly string[],
  to: NodeBuilder,
): string[] {
  return [
    to.add(op, inputs, { T: { type: typeOf(refs[0]!).dtype }, incompatible_shape_error: { bool: true } }),
  ];
}
