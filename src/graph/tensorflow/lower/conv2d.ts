import { shapeOf } from '../../graph.js';
import { hasNativeDepthwise } from '../../native-ops.js';
import type { NodeBuilder } from '../node-builder.js';
import { FLOAT, INT32, type NodeAttr } from '../node-def.js';
import type { LowerTable } from './lowering.js';

type Shape4D = readonly [number, number, number, number];

/** One convolution: its filter's shape and what it works on. */
interface Geometry {
  readonly input: Shape4D;
  readonly filter: Shape4D;
  readonly stride: 1 | 2;
  readonly groups: number;
}

/**
 * PyTorch's padding (⌊k/2⌋ zeros on every side) with TensorFlow's operations, which know SAME and VALID. SAME is that at stride 1 and for odd sizes; at stride 2
 * and an even size it adds one zero less in front. A filter with a row (column) of zeros appended makes it add ⌊k/2⌋ there again and changes nothing else.
 */
export const conv2d: LowerTable<'Conv2d' | 'Conv2dInputGrad' | 'Conv2dFilterGrad'> = {
  Conv2d: (node, [x, filter, bias], to, { pointwiseAsMatMul, nativeOps }) => {
    const { stride, groups, activation } = node.attrs;
    const geometry: Geometry = {
      input: shapeOf(node.inputs[0]!) as Shape4D,
      filter: shapeOf(node.inputs[1]!) as Shape4D,
      stride,
      groups,
    };
    const out = node.outputs[0]!.shape as Shape4D;
    const rows = pointwiseAsMatMul === true && isPointwise(geometry);
    const native = !rows && nativeOps && hasNativeDepthwise(geometry.input, geometry.filter, geometry.groups);
    let y = rows
      ? product(to, asRows(to, x!, geometry.filter[2]), asMatrix(to, filter!, geometry.filter))
      : native
        ? nativeDepthwise(to, x!, filter!, bias, stride)
        : forward(to, x!, filter!, geometry);
    if (bias !== undefined && !native)
      y = to.add('BiasAdd', [y, bias], { T: FLOAT, data_format: { text: 'NHWC' } });
    if (activation === 'relu') y = to.op('Relu', [y]);
    return [rows ? to.reshape(y, [-1, out[1], out[2], out[3]]) : y];
  },
  Conv2dInputGrad: (node, [dy, filter, ...addends], to, { pointwiseAsMatMul, nativeOps }) => {
    const { inputShape, stride, groups } = node.attrs;
    const input = inputShape as Shape4D;
    const geometry: Geometry = { input, filter: shapeOf(node.inputs[1]!) as Shape4D, stride, groups };
    if (pointwiseAsMatMul && isPointwise(geometry)) {
      const rows = asRows(to, dy!, geometry.filter[3]);
      const dx = product(to, rows, asMatrix(to, filter!, geometry.filter), { transposeB: true });
      return [to.reshape(dx, [-1, input[1], input[2], input[3]])];
    }
    if (nativeOps && hasNativeDepthwise(geometry.input, geometry.filter, geometry.groups))
      return [
        to.add('RecnextDepthwiseConvInputGrad', [dy!, filter!, ...addends], {
          N: { int: addends.length },
          stride: { int: stride },
          height: { int: input[1] },
          width: { int: input[2] },
        }),
      ];
    return [inputGrad(to, dy!, filter!, geometry)];
  },
  Conv2dFilterGrad: (node, [x, dy], to, { pointwiseAsMatMul, nativeOps }) => {
    const { filterShape, stride, groups } = node.attrs;
    const filter = filterShape as Shape4D;
    const geometry: Geometry = { input: shapeOf(node.inputs[0]!) as Shape4D, filter, stride, groups };
    if (pointwiseAsMatMul && isPointwise(geometry)) {
      const rows = asRows(to, x!, filter[2]);
      const dfilter = product(to, rows, asRows(to, dy!, filter[3]), { transposeA: true });
      return [to.reshape(dfilter, filter)];
    }
    if (nativeOps && hasNativeDepthwise(geometry.input, geometry.filter, geometry.groups))
      return [
        to.add('RecnextDepthwiseConvFilterGrad', [x!, dy!], {
          kernel: { int: filter[0] },
          stride: { int: stride },
          multiplier: { int: filter[3] },
        }),
      ];
    return [filterGrad(to, x!, dy!, geometry)];
  },
};

/** Our own operation, which adds the bias as well. */
function nativeDepthwise(
  to: NodeBuilder,
  x: string,
  filter: string,
  bias: string | undefined,
  stride: number,
): string {
  const biases = bias === undefined ? [] : [bias];
  return to.add('RecnextDepthwiseConv', [x, filter, ...biases], {
    stride: { int: stride },
    B: { int: biases.length },
  });
}

function isPointwise({ filter, stride, groups }: Geometry): boolean {
  return filter[0] === 1 && filter[1] === 1 && stride === 1 && groups === 1;
}

/** A feature map as rows of channels: `[n h w, channels]`. */
function asRows(to: NodeBuilder, x: string, channels: number): string {
  return to.reshape(x, [-1, channels]);
}

/** A 1×1 filter as `[in, out]`. */
function asMatrix(to: NodeBuilder, filter: string, [, , channels, out]: Shape4D): string {
  return to.reshape(filter, [channels, out]);
}

function product(
  to: NodeBuilder,
  a: string,
  b: string,
  { transposeA = false, transposeB = false }: { transposeA?: boolean; transposeB?: boolean } = {},
): string {
  return to.add('MatMul', [a, b], {
    T: FLOAT,
    transpose_a: { bool: transposeA },
    transpose_b: { bool: transposeB },
  });
}

function forward(to: NodeBuilder, x: string, filter: string, geometry: Geometry): string {
  const { stride, groups, input } = geometry;
  if (isGrouped(geometry)) {
    const xs = split(to, x, 3, groups);
    const filters = split(to, filter, 2, groups);
    const part = partOf(geometry);
    return concat(
      to,
      xs.map((xg, g) => forward(to, xg, filters[g]!, part)),
      3,
    );
  }
  const depthwise = groups === input[3] && groups > 1;
  return to.add(
    depthwise ? 'DepthwiseConv2dNative' : 'Conv2D',
    [x, appendZeros(to, filter, extension(geometry))],
    convAttrs(stride),
  );
}

function inputGrad(to: NodeBuilder, dy: string, filter: string, geometry: Geometry): string {
  const { stride, groups, input } = geometry;
  if (isGrouped(geometry)) {
    const dys = split(to, dy, 3, groups);
    const filters = split(to, filter, 2, groups);
    const part = partOf(geometry);
    return concat(
      to,
      dys.map((dyg, g) => inputGrad(to, dyg, filters[g]!, part)),
      3,
    );
  }
  const depthwise = groups === input[3] && groups > 1;
  return to.add(
    depthwise ? 'DepthwiseConv2dNativeBackpropInput' : 'Conv2DBackpropInput',
    [to.ints(input), appendZeros(to, filter, extension(geometry)), dy],
    convAttrs(stride),
  );
}

function filterGrad(to: NodeBuilder, x: string, dy: string, geometry: Geometry): string {
  const { stride, groups, input, filter } = geometry;
  if (isGrouped(geometry)) {
    const xs = split(to, x, 3, groups);
    const dys = split(to, dy, 3, groups);
    const part = partOf(geometry);
    return concat(
      to,
      xs.map((xg, g) => filterGrad(to, xg, dys[g]!, part)),
      2,
    );
  }
  const depthwise = groups === input[3] && groups > 1;
  const [rows, columns] = extension(geometry);
  const [height, width, channels, outputs] = filter;
  const extended = to.add(
    depthwise ? 'DepthwiseConv2dNativeBackpropFilter' : 'Conv2DBackpropFilter',
    [x, to.ints([height + rows, width + columns, channels, outputs]), dy],
    convAttrs(stride),
  );
  if (rows + columns === 0) return extended;
  return to.add('Slice', [extended, to.ints([0, 0, 0, 0]), to.ints(filter)], { T: FLOAT, Index: INT32 });
}

/** Neither dense nor depthwise: each group is convolved by itself (TensorFlow has no gradients of grouped convolutions on a CPU). */
function isGrouped({ groups, input }: Geometry): boolean {
  return groups > 1 && groups !== input[3];
}

/** One group of a grouped convolution. */
function partOf({ input, filter, stride, groups }: Geometry): Geometry {
  const channels = input[3] / groups;
  return {
    input: [input[0], input[1], input[2], channels],
    filter: [filter[0], filter[1], channels, filter[3]],
    stride,
    groups: 1,
  };
}

function split(to: NodeBuilder, x: string, axis: number, parts: number): string[] {
  const node = to.add('Split', [to.scalar(axis, 'int32'), x], { T: FLOAT, num_split: { int: parts } });
  return Array.from({ length: parts }, (_, i) => (i === 0 ? node : `${node}:${i}`));
}

function concat(to: NodeBuilder, parts: readonly string[], axis: number): string {
  return to.add('ConcatV2', [...parts, to.scalar(axis, 'int32')], {
    T: FLOAT,
    Tidx: INT32,
    N: { int: parts.length },
  });
}

/** Rows and columns of zeros that make SAME pad symmetrically. A 1 × 1 filter is never padded. */
function extension({ input, filter, stride }: Geometry): [number, number] {
  const needed = (size: number, kernel: number): number =>
    stride === 2 && size % 2 === 0 && kernel > 1 ? 1 : 0;
  return [needed(input[1], filter[0]), needed(input[2], filter[1])];
}

function appendZeros(to: NodeBuilder, filter: string, [rows, columns]: [number, number]): string {
  if (rows + columns === 0) return filter;
  const paddings = to.constant({
    dtype: 'int32',
    shape: [4, 2],
    data: Int32Array.of(0, rows, 0, columns, 0, 0, 0, 0),
  });
  return to.add('Pad', [filter, paddings], { T: FLOAT, Tpaddings: INT32 });
}

function convAttrs(stride: number): Record<string, NodeAttr> {
  return {
    T: FLOAT,
    strides: { ints: [1, stride, stride, 1] },
    padding: { text: 'SAME' },
    data_format: { text: 'NHWC' },
    dilations: { ints: [1, 1, 1, 1] },
  };
}
