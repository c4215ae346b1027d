import { typeOf, type GraphNode } from '../../graph.js';
import { REDUCTION } from '../../ops.js';
import { INT32 } from '../node-def.js';
import type { Lower, LowerTable } from './lowering.js';

type Reduction = (typeof REDUCTION)[number];
type Shaping =
  | Reduction
  | 'ArgMax'
  | 'OneHot'
  | 'Reshape'
  | 'Transpose'
  | 'Slice'
  | 'Concat'
  | 'Tile'
  | 'Pad'
  | 'Softmax'
  | 'MatMul';

const reduction: Lower<Reduction> = (node, [x], to) => [
  to.add(node.op, [x!, to.ints(node.attrs.axes)], {
    T: typeOf0(node),
    Tidx: INT32,
    keep_dims: { bool: node.attrs.keepDims },
  }),
];

export const shapes: LowerTable<Shaping> = {
  ...(Object.fromEntries(REDUCTION.map((op) => [op, reduction])) as unknown as LowerTable<Reduction>),
  ArgMax: (node, [x], to) => [
    to.add('ArgMax', [x!, to.scalar(node.attrs.axis, 'int32')], {
      T: typeOf0(node),
      Tidx: INT32,
      output_type: INT32,
    }),
  ],
  OneHot: (node, [indices], to) => {
    const { depth, on, off } = node.attrs;
    const { dtype } = node.outputs[0]!;
    return [
      to.add('OneHot', [indices!, to.scalar(depth, 'int32'), to.scalar(on, dtype), to.scalar(off, dtype)], {
        T: { type: dtype },
        TI: INT32,
        axis: { int: -1 },
      }),
    ];
  },
  Reshape: (node, [x], to) => [to.reshape(x!, node.attrs.shape, typeOf0(node))],
  Transpose: (node, [x], to) => [
    to.add('Transpose', [x!, to.ints(node.attrs.perm)], { T: typeOf0(node), Tperm: INT32 }),
  ],
  Slice: (node, [x], to) => [
    to.add('Slice', [x!, to.ints(node.attrs.begin), to.ints(node.attrs.size)], {
      T: typeOf0(node),
      Index: INT32,
    }),
  ],
  Concat: (node, inputs, to) => [
    to.add('ConcatV2', [...inputs, to.scalar(node.attrs.axis, 'int32')], {
      T: typeOf0(node),
      Tidx: INT32,
      N: { int: inputs.length },
    }),
  ],
  Tile: (node, [x], to) => [
    to.add('Tile', [x!, to.ints(node.attrs.reps)], { T: typeOf0(node), Tmultiples: INT32 }),
  ],
  Pad: (node, [x], to) => {
    const { paddings, value } = node.attrs;
    const pairs = to.constant({
      dtype: 'int32',
      shape: [paddings.length, 2],
      data: Int32Array.from(paddings.flat()),
    });
    const attrs = { T: typeOf0(node), Tpaddings: INT32 };
    if (value === 0) return [to.add('Pad', [x!, pairs], attrs)];
    return [to.add('PadV2', [x!, pairs, to.scalar(value, typeOf(node.inputs[0]!).dtype)], attrs)];
  },
  Softmax: (_, [x], to) => [to.op('Softmax', [x!])],
  MatMul: (node, [a, b], to) => {
    const { transposeA, transposeB } = node.attrs;
    const batched = node.inputs.some((input) => typeOf(input).shape.length > 2);
    if (!batched)
      return [
        to.add('MatMul', [a!, b!], {
          T: { type: 'float32' },
          transpose_a: { bool: transposeA },
          transpose_b: { bool: transposeB },
        }),
      ];
    return [
      to.add('BatchMatMulV2', [a!, b!], {
        T: { type: 'float32' },
        adj_x: { bool: transposeA },
        adj_y: { bool: transposeB },
      }),
    ];
  },
};

function typeOf0(node: GraphNode): { type: 'float32' | 'int32' | 'bool' } {
  return { type: typeOf(node.inputs[0]!).dtype };
}
