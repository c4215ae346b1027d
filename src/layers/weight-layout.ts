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

/** Checkpoint values (PyTorch order) to TF.js layout. */
export function toTf(spec: LayoutSpec, values: ArrayLike<number>): Float32Array {
  const matrix = matrixOf(spec);
  if (matrix !== undefined) return transpose(values, matrix.rows, matrix.columns);
  return permute(spec, values, (result, tfIndex, torchIndex) => {
    result[tfIndex] = values[torchIndex]!;
  });
}

/** TF.js layout to the checkpoint's. */
export function toTorch(spec: LayoutSpec, values: ArrayLike<number>): Float32Array {
  const matrix = matrixOf(spec);
  if (matrix !== undefined) return transpose(values, matrix.columns, matrix.rows);
  return permute(spec, values, (result, tfIndex, torchIndex) => {
    result[torchIndex] = values[tfIndex]!;
  });
}

type Assign = (result: Float32Array, tfIndex: number, torchIndex: number) => void;

function permute(spec: LayoutSpec, values: ArrayLike<number>, assign: Assign): Float32Array {
  return spec.layout === 'conv' ? permuteConv(spec, assign) : Float32Array.from(values);
}

/** Linear layers and ungrouped 1x1 convolutions, most of a model's weights, are matrices [out, in] that are transposed. */
function matrixOf({ layout, shape, groups }: LayoutSpec): { rows: number; columns: number } | undefined {
  const [rows = 0, columns = 0, height = 1, width = 1] = shape;
  const matrix = layout === 'linear' || (layout === 'conv' && groups === 1 && height * width === 1);
  return matrix ? { rows, columns } : undefined;
}

/** Tiles of a matrix that stay in the processor's first cache. */
const TILE = 32;

/** [rows, columns] to [columns, rows]. */
function transpose(values: ArrayLike<number>, rows: number, columns: number): Float32Array {
  const result = new Float32Array(rows * columns);
  for (let top = 0; top < rows; top += TILE) {
    const bottom = Math.min(top + TILE, rows);
    for (let left = 0; left < columns; left += TILE) {
      const right = Math.min(left + TILE, columns);
      for (let r = top; r < bottom; r++) {
        for (let c = left; c < right; c++) result[c * rows + r] = values[r * columns + c]!;
      }
    }
  }
  return result;
}

function permuteConv({ shape, groups }: LayoutSpec, assign: Assign): Float32Array {
  const [out, inPerGroup, height, width] = shape as readonly [number, number, number, number];
  const outPerGroup = out / groups;
  const channelsIn = inPerGroup * groups;
  const area = height * width;
  const result = new Float32Array(out * inPerGroup * area);
  let torchIndex = 0;
  for (let o = 0; o < out; o++) {
    const firstRow = Math.floor(o / outPerGroup) * inPerGroup;
    for (let i = 0; i < inPerGroup; i++) {
      let tfIndex = (firstRow + i) * outPerGroup + (o % outPerGroup);
      for (let tap = 0; tap < area; tap++) {
        assign(result, tfIndex, torchIndex++);
        tfIndex += channelsIn * outPerGroup;
      }
    }
  }
  return result;
}
