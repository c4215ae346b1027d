import { tfShape, toTorch } from '../../layers/weight-layout.js';
import type { Ref } from '../graph.js';
import { sizeOf, type HostData, type HostValue } from '../host-value.js';
import type { AxisOrder } from './axis-order.js';
import { placed } from './axis-order.js';

/** Values of the variables of a graph, by name. */
export type Weights = ReadonlyMap<string, HostValue>;

/** Float weights in two bytes a number. */
export type HalfEncoder = (name: string, values: Float32Array) => Uint16Array;

/** What a constant or a frozen variable holds; undefined for what is computed. */
export function hostValueOf({ node }: Ref, weights: Weights): HostValue | undefined {
  if (node.op === 'Const') return node.attrs.value;
  if (node.op !== 'Variable') return undefined;
  const value = weights.get(node.attrs.name);
  if (value === undefined) throw new Error(`there is no weight "${node.attrs.name}"`);
  return value;
}

/** A filter `[kh, kw, in, out / groups]` as `[out, in / groups, kh, kw]`, which is how PyTorch, ONNX and Core ML have it. */
export function channelsFirstFilter({ dtype, shape, data }: HostValue, groups: number): HostValue {
  const [height, width, inputs, outputs] = shape as [number, number, number, number];
  const spec = { layout: 'conv', groups, shape: [outputs * groups, inputs / groups, height, width] } as const;
  if (String(tfShape(spec)) !== String(shape))
    throw new Error(`a filter of [${shape.join(', ')}] has no ${groups} groups`);
  return { dtype, shape: spec.shape, data: toTorch(spec, data) };
}

/** A constant with its axes in another order. */
export function reordered({ dtype, shape, data }: HostValue, order: AxisOrder): HostValue {
  const result = { dtype, shape: placed(shape, order) };
  // Axes of length 1 may go anywhere.
  const long = order.filter((axis) => shape[axis] !== 1);
  if (long.every((axis, i) => i === 0 || axis > long[i - 1]!)) return { ...result, data };
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const moved: HostData = data.slice();
  const index = order.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    moved[i] = data[index.reduce((at, position, place) => at + position * strides[order[place]!]!, 0)]!;
    for (let place = index.length - 1; place >= 0 && ++index[place]! === result.shape[place]; place--)
      index[place] = 0;
  }
  return { ...result, data: moved };
}

/** A constant of fewer axes, to be broadcast against a tensor whose axes lie in `order`: leading axes of length 1 are left away again. */
export function broadcastable(value: HostValue, order: AxisOrder): HostValue {
  const missing = order.length - value.shape.length;
  const padded = { ...value, shape: [...Array<number>(missing).fill(1), ...value.shape] };
  const { shape, ...rest } = reordered(padded, order);
  const first = shape.findIndex((length) => length !== 1);
  return { ...rest, shape: first < 0 ? [] : shape.slice(first) };
}
