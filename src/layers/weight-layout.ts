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
  return permute(spec, values, (result, tfIndex, torchIndex) => {
    result[tfIndex] = values[torchIndex]!;
  });
}

/** TF.js layout to the checkpoint's. */
export function toTorch(spec: LayoutSpec, values: ArrayLike<number>): Float32Array {
  return permute(spec, values, (result, tfIndex, torchIndex) => {
    result[torchIndex] = values[tfIndex]!;
  });
}

type Assign = (result: Float32Array, tfIndex: number, torchIndex: number) => void;

function permute(spec: LayoutSpec, values: ArrayLike<number>, assign: Assign): Float32Array {
  if (spec.layout === 'linear') return permuteLinear(spec.shape, assign);
  if (spec.layout === 'conv') return permuteConv(spec, assign);
  return Float32Array.from(values);
}

function permuteLinear(shape: readonly number[], assign: Assign): Float32Array {
  const [rows, columns] = shape as readonly [number, number];
  const result = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) assign(result, c * rows + r, r * columns + c);
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
