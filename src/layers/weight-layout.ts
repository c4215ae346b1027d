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
  const matrix = matrixOf(spec);
  if (matrix !== undefined) transpose(values, matrix.rows, matrix.columns, result);
  else if (spec.layout === 'conv')
    forEachIndex(spec, (tfIndex, torchIndex) => (result[tfIndex] = values[torchIndex]!));
  else result.set(values);
  return result;
}

/** TF.js layout to the checkpoint's. */
export function toTorch(spec: LayoutSpec, values: ArrayLike<number>): Float32Array {
  const result = new Float32Array(values.length);
  const matrix = matrixOf(spec);
  if (matrix !== undefined) transpose(values, matrix.columns, matrix.rows, result);
  else if (spec.layout === 'conv')
    forEachIndex(spec, (tfIndex, torchIndex) => (result[torchIndex] = values[tfIndex]!));
  else result.set(values);
  return result;
}

/**
 * Linear layers and ungrouped 1x1 convolutions, most of a model's weights, are matrices [out, in] that are transposed; depthwise
 * kernels are matrices [out, taps].
 */
function matrixOf({ layout, shape, groups }: LayoutSpec): { rows: number; columns: number } | undefined {
  const [rows = 0, columns = 0, height = 1, width = 1] = shape;
  if (layout === 'linear') return { rows, columns };
  if (layout !== 'conv') return undefined;
  const taps = height * width;
  if (groups === 1 && taps === 1) return { rows, columns };
  return columns === 1 && groups === rows ? { rows, columns: taps } : undefined;
}

/** Tiles of a matrix that stay in the processor's first cache. */
const TILE = 32;

/** [rows, columns] to [columns, rows]. */
function transpose(values: ArrayLike<number>, rows: number, columns: number, result: Float32Array): void {
  // Weights come as one kind of array: code for just that kind is several times faster.
  if (values instanceof Float32Array) transposeFloats(values, rows, columns, result);
  else transposeFloats(Float32Array.from(values), rows, columns, result);
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
