export type DType = 'float32' | 'int32' | 'bool';

/** Numbers of a constant; bool as 0 and 1. */
export type HostData = Float32Array | Int32Array | Uint8Array;

/** A tensor's values on the host, row-major. */
export interface HostValue {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: HostData;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, length) => size * length, 1);
}

export function hostArray(dtype: DType, values: ArrayLike<number>): HostData {
  if (dtype === 'float32') return Float32Array.from(values);
  return dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values);
}

/** The one number a constant holds everywhere; undefined where they differ or there are none. */
export function uniformValue({ data }: HostValue): number | undefined {
  const first = data[0];
  for (let i = 1; i < data.length; i++) if (!Object.is(data[i], first)) return undefined;
  return first;
}
