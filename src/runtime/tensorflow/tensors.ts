import { ffi } from '../ffi.js';
import type { CApi, Pointer } from './c-api.js';
import { dtypeOfCode, elementType } from './dtypes.js';
import { checkHostArray, elementCount, isAligned, type HostArray } from './host-array.js';
import type { TensorFlowLibrary } from './library.js';
import { TensorFlowError } from './status.js';

export interface FedTensor {
  readonly tensor: Pointer;
  /** TensorFlow reads this array of JavaScript's: it must be kept until the run ends. */
  readonly borrowed: HostArray | undefined;
}

/**
 * A TF_Tensor of an array.
 *
 * @param mayBorrow whether TensorFlow may use the array itself, which it does when that is aligned
 * @throws Error when shape and array disagree, TensorFlowError when there is no memory
 */
export function toTensor(
  { api, releaseNothing }: TensorFlowLibrary,
  name: string,
  array: HostArray,
  mayBorrow: boolean,
): FedTensor {
  checkHostArray(name, array);
  const { code } = elementType(array.dtype);
  const { byteLength } = array.data;
  const dims = BigInt64Array.from(array.shape, BigInt);
  const rank = dims.length;
  const shape = rank === 0 ? null : dims;
  if (mayBorrow && byteLength > 0 && isAligned(array.data)) {
    const tensor = api.NewTensor(code, shape, rank, array.data, byteLength, releaseNothing, null);
    if (tensor !== null) return { tensor, borrowed: array };
  } else {
    const tensor = api.AllocateTensor(code, shape, rank, byteLength);
    if (tensor !== null && byteLength === 0) return { tensor, borrowed: undefined };
    const memory = tensor === null ? null : api.TensorData(tensor);
    if (tensor !== null && memory !== null) {
      const { buffer, byteOffset } = array.data;
      new Uint8Array(ffi().view(memory, byteLength)).set(new Uint8Array(buffer, byteOffset, byteLength));
      return { tensor, borrowed: undefined };
    }
    if (tensor !== null) api.DeleteTensor(tensor);
  }
  throw new TensorFlowError('RESOURCE_EXHAUSTED', `${name}: no memory for an array of ${byteLength} bytes`);
}

/** Copies a TF_Tensor into a new array. */
export function fromTensor(api: CApi, tensor: Pointer): HostArray {
  const dtype = dtypeOfCode(api.TensorType(tensor));
  const shape = Array.from({ length: api.NumDims(tensor) }, (_, i) => Number(api.Dim(tensor, i)));
  const { array, bytes } = elementType(dtype);
  const length = elementCount(shape);
  const memory = length === 0 ? null : api.TensorData(tensor);
  const data = new array(new ArrayBuffer(length * bytes), 0, length);
  if (memory !== null) new Uint8Array(data.buffer).set(new Uint8Array(ffi().view(memory, length * bytes)));
  return { dtype, shape, data };
}
