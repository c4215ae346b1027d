import { ffi } from '../ffi.js';
import { elementType, type TensorData, type TensorDType } from './dtypes.js';

/** An array in JavaScript's memory, as it is given to a session and comes back. */
export interface HostArray {
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
  /** Row-major. bool: 0 and 1 in a Uint8Array; float16 and bfloat16: their bits in a Uint16Array. */
  readonly data: TensorData;
}

/** Where TensorFlow takes an array as it is; elsewhere it copies. */
const ALIGNMENT = 64;

/** Zeros that TensorFlow takes without a copy. `data.buffer` is a little longer than the array. */
export function alignedFloat32(length: number): Float32Array {
  const buffer = new ArrayBuffer(length * 4 + ALIGNMENT);
  const past = Number(addressOf(new Uint8Array(buffer)) % BigInt(ALIGNMENT));
  return new Float32Array(buffer, (ALIGNMENT - past) % ALIGNMENT, length);
}

export const isAligned = (data: TensorData): boolean => addressOf(data) % BigInt(ALIGNMENT) === 0n;

const addressOf = (data: TensorData): bigint => ffi().address(data);

export const elementCount = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/**
 * @param name of the graph's node that is fed, for the message
 * @throws Error: TensorFlow would read past the end of the array
 */
export function checkHostArray(name: string, { dtype, shape, data }: HostArray): void {
  const expected = elementType(dtype).array;
  if (!(data instanceof expected))
    throw new Error(`${name}: expected a ${expected.name} for ${dtype}, found a ${data.constructor.name}.`);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw new Error(`${name}: expected sizes of 0 or more, found shape [${shape.join(', ')}].`);
  if (elementCount(shape) !== data.length)
    throw new Error(
      `${name}: shape [${shape.join(', ')}] has ${elementCount(shape)} elements, the array has ${data.length}.`,
    );
}
