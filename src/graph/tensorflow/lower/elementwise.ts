import { typeOf, type GraphNode } from '../../graph.js';
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

function compare(
  { op, inputs: refs }: Extract<GraphNode, { op: 'Equal' | 'NotEqual' }>,
  inputs: readonly string[],
  to: NodeBuilder,
): string[] {
  return [
    to.add(op, inputs, { T: { type: typeOf(refs[0]!).dtype }, incompatible_shape_error: { bool: true } }),
  ];
}
