import type { WeightSpec } from './spec/module-spec.js';

/** What decides how a weight is laid out. */
export type LayoutSpec = Pick<WeightSpec, 'shape' | 'layout' | 'groups'>;

/**
 * Shape of a weight in TF.js layout. Convolutions are `[kh, kw, in, out/groups]` for any number of groups: row i of the
 * third axis belongs to group floor(i / (in/groups)). That is TF.js' own layout for groups = 1 and for depthwise ones.
 */
export function tfShape({ shape, layout, groups }: LayoutSpec): number[] {
  if (layout === 'linear') return [shape[1]!, shape[0]!];
  if (layout !== 'conv') return [...shape];
  const [out, inPerGroup, height, width] = shape as readonly [number, number, number, number];
  return [height, width, inPerGroup * groups, out / groups];
}

/**
 * Checkpoint values (PyTorch order) to TF.js layout.
 *
 * @param result where to put them, of the same length. Default: an array of their own
 */
export function toTf(
  spec: LayoutSpec,
  values: ArrayLike<number>,
  result: Float32Array = new Float32Array(values.length),
): Float32Array {
  const matrices = matricesOf(spec);
  if (matrices !== undefined) transpose(values, matrices, result);
  else if (spec.layout === 'conv')
    forEachIndex(spec, (tfIndex, torchIndex) => (result[tfIndex] = values[torchIndex]!));
  else result.set(values);
  return result;
}

/** TF.js layout to the checkpoint's. */
export function toTorch(spec: LayoutSpec, values: ArrayLike<number>): Float32Array {
  const result = new Float32Array(values.length);
  const matrices = matricesOf(spec);
  if (matrices !== undefined) {
    const { count, rows, columns } = matrices;
    transpose(values, { count, rows: columns, columns: rows }, result);
  } else if (spec.layout === 'conv')
    forEachIndex(spec, (tfIndex, torchIndex) => (result[torchIndex] = values[tfIndex]!));
  else result.set(values);
  return result;
}

/** A weight whose layouts differ by the transposition of matrices that lie one after another. */
interface Matrices {
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
}

/**
 * Linear layers and 1x1 convolutions, most of a model's weights, are a matrix [out, in] for each group; depthwise kernels are one
 * matrix [out, taps].
 */
function matricesOf({ layout, shape, groups }: LayoutSpec): Matrices | undefined {
  const [rows = 0, columns = 0, height = 1, width = 1] = shape;
  if (layout === 'linear') return { count: 1, rows, columns };
  if (layout !== 'conv') return undefined;
  const taps = height * width;
  if (taps === 1) return { count: groups, rows: rows / groups, columns };
  return columns === 1 && groups === rows ? { count: 1, rows, columns: taps } : undefined;
}

/** Tiles of a matrix that stay in the processor's first cache. */
const TILE = 32;

/** Each [rows, columns] to [columns, rows]. */
function transpose(
  values: ArrayLike<number>,
  { count, rows, columns }: Matrices,
  result: Float32Array,
): void {
  // Weights come as one kind of array: code for just that kind is several times faster.
  const floats = values instanceof Float32Array ? values : Float32Array.from(values);
  const size = rows * columns;
  for (let at = 0; at < count * size; at += size)
    transposeFloats(floats.subarray(at, at + size), rows, columns, result.subarray(at, at + size));
}

function transposeFloats(values: Float32Array, rows: number, columns: number, result: Float32Array): void {
  for (let top = 0; top < rows; top += TILE) {
    const bottom = Math.min(top + TILE, rows);
    for (let left = 0; left < columns; left += TILE) {
      const right = Math.min(left + TILE, columns);
      // Written in order, read in strides: the other way round takes twice as long.
      for (let c = left; c < right; c++) {
        for (let r = top; r < bottom; r++) result[c * rows + r] = values[r * columns + c]!;
      }
    }
  }
}

/** Where each value of a convolution's kernel stands in both layouts. */
function forEachIndex(
  { shape, groups }: LayoutSpec,
  visit: (tfIndex: number, torchIndex: number) => void,
): void {
  const [out, inPerGroup, height, width] = shape as readonly [number, number, number, number];
  const outPerGroup = out / groups;
  const channelsIn = inPerGroup * groups;
  const area = height * width;
  let torchIndex = 0;
  for (let o = 0; o < out; o++) {
    const firstRow = Math.floor(o / outPerGroup) * inPerGroup;
    for (let i = 0; i < inPerGroup; i++) {
      let tfIndex = (firstRow + i) * outPerGroup + (o % outPerGroup);
      for (let tap = 0; tap < area; tap++) {
        visit(tfIndex, torchIndex++);
        tfIndex += channelsIn * outPerGroup;
      }
    }
  }
}
