/** Element types that arrays can have on their way to TensorFlow and back. 16-bit floats travel as their bits. */
export type TensorDType =
  'float32' | 'float64' | 'int32' | 'int64' | 'bool' | 'float16' | 'bfloat16' | 'uint8';

export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array;

interface ElementType {
  /** TF_DataType, the same numbers as in a GraphDef. */
  code: number;
  bytes: number;
  array: new (buffer: ArrayBuffer, offset: number, length: number) => TensorData;
}

const TYPES: Record<TensorDType, ElementType> = {
  float32: { code: 1, bytes: 4, array: Float32Array },
  float64: { code: 2, bytes: 8, array: Float64Array },
  int32: { code: 3, bytes: 4, array: Int32Array },
  uint8: { code: 4, bytes: 1, array: Uint8Array },
  int64: { code: 9, bytes: 8, array: BigInt64Array },
  bool: { code: 10, bytes: 1, array: Uint8Array },
  bfloat16: { code: 14, bytes: 2, array: Uint16Array },
  float16: { code: 19, bytes: 2, array: Uint16Array },
};

export const elementType = (dtype: TensorDType): ElementType => TYPES[dtype];

/** @throws Error for types that no array of JavaScript holds (strings, resources, quantised types) */
export function dtypeOfCode(code: number): TensorDType {
  for (const [name, type] of Object.entries(TYPES)) if (type.code === code) return name as TensorDType;
  throw new Error(
    `TensorFlow returned elements of type ${code}, which cannot be read (expected ${names()}).`,
  );
}

const names = (): string => Object.keys(TYPES).join(', ');
