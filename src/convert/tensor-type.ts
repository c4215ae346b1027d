import type { TensorData, TensorType } from '../models/state-dict.js';

/** Bytes of one element. */
export const ELEMENT_SIZE: Readonly<Record<TensorType, number>> = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint64: 8,
  uint32: 4,
  uint16: 2,
  uint8: 1,
  bool: 1,
};

/** Bytes of one element once decoded: half-precision values are widened to float32. */
export const decodedSize = (type: TensorType): number =>
  type === 'float16' || type === 'bfloat16' ? 4 : ELEMENT_SIZE[type];

/** Strides, in elements, of values that lie one after another in row-major order. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const out = new Array<number>(shape.length);
  for (let d = shape.length - 1, step = 1; d >= 0; d--) {
    out[d] = step;
    step *= Math.max(shape[d]!, 1);
  }
  return out;
}

/** The type that an array's own class says. */
export function typeOf(data: TensorData): TensorType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof BigUint64Array) return 'uint64';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Uint32Array) return 'uint32';
  if (data instanceof Int16Array) return 'int16';
  if (data instanceof Uint16Array) return 'uint16';
  if (data instanceof Int8Array) return 'int8';
  return 'uint8';
}

/** float32 value of each of the 65,536 half-precision numbers, made on first use. */
let halves: Float32Array | undefined;

function halfTable(): Float32Array {
  if (halves) return halves;
  halves = new Float32Array(65536);
  const bits = new Uint32Array(halves.buffer);
  for (let h = 0; h < 65536; h++) {
    const sign = (h & 0x8000) << 16;
    const exponent = (h >> 10) & 0x1f;
    const fraction = h & 0x3ff;
    if (exponent === 31) bits[h] = sign | 0x7f800000 | (fraction << 13);
    else if (exponent > 0) bits[h] = sign | ((exponent + 112) << 23) | (fraction << 13);
    else halves[h] = (sign ? -1 : 1) * fraction * 2 ** -24;
  }
  return halves;
}

/** Whether this machine stores numbers least significant byte first, as the files do (every one we know of). */
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function reverseElements(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i += size)
    for (let b = 0; b < size; b++) out[i + b] = bytes[i + size - 1 - b]!;
  return out;
}

/**
 * The raw elements of `bytes` as an array; float16 and bfloat16 come as their 16-bit patterns. Shares memory with `bytes`
 * where its address allows.
 */
export function rawElements(bytes: Uint8Array, type: TensorType, bigEndian = false): TensorData {
  const size = ELEMENT_SIZE[type];
  let source = bytes;
  if (size > 1 && bigEndian === LITTLE_ENDIAN) source = reverseElements(bytes, size);
  else if (source.byteOffset % size !== 0) source = source.slice();
  const { buffer, byteOffset } = source;
  const length = source.byteLength / size;
  switch (type) {
    case 'float64':
      return new Float64Array(buffer, byteOffset, length);
    case 'float32':
      return new Float32Array(buffer, byteOffset, length);
    case 'float16':
    case 'bfloat16':
    case 'uint16':
      return new Uint16Array(buffer, byteOffset, length);
    case 'int64':
      return new BigInt64Array(buffer, byteOffset, length);
    case 'uint64':
      return new BigUint64Array(buffer, byteOffset, length);
    case 'int32':
      return new Int32Array(buffer, byteOffset, length);
    case 'uint32':
      return new Uint32Array(buffer, byteOffset, length);
    case 'int16':
      return new Int16Array(buffer, byteOffset, length);
    case 'int8':
      return new Int8Array(buffer, byteOffset, length);
    case 'uint8':
    case 'bool':
      return new Uint8Array(buffer, byteOffset, length);
  }
}

/** Widens 16-bit patterns to float32; other types pass through. Exact: every half-precision value is a float32. */
export function widen(elements: TensorData, type: TensorType): TensorData {
  if (type === 'float16') {
    const table = halfTable();
    // By bit pattern, so that the payload of a NaN survives.
    const bits = new Uint32Array(table.buffer);
    const out = new Uint32Array(elements.length);
    for (let i = 0; i < out.length; i++) out[i] = bits[elements[i] as number]!;
    return new Float32Array(out.buffer);
  }
  if (type === 'bfloat16') {
    const out = new Uint32Array(elements.length);
    for (let i = 0; i < out.length; i++) out[i] = (elements[i] as number) << 16;
    return new Float32Array(out.buffer);
  }
  return elements;
}
