/** Element types of checkpoint files, by the names PyTorch gives them. */
export type TensorType =
  | 'float64'
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint64'
  | 'uint32'
  | 'uint16'
  | 'uint8'
  | 'bool';

/** Arrays that hold a tensor's values. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Int8Array
  | Int16Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/** A tensor on the host: row-major (C order) values in the layout of the checkpoint (PyTorch's). */
export interface HostTensor {
  readonly shape: readonly number[];
  /**
   * int64 values arrive as `BigInt64Array`, bool as `Uint8Array` of 0 and 1; float16 and bfloat16 are widened to
   * float32 by the readers.
   */
  readonly data: TensorData;
  /**
   * The type in the file where `data` alone does not tell (float16, bfloat16, bool). Readers always set it; writers
   * write what `data` holds: a `Uint8Array` may be `bool`, a `Uint16Array` the bit patterns of `float16` or `bfloat16`.
   */
  readonly type?: TensorType;
}

/** Named tensors as a PyTorch `state_dict` holds them: names, order and layout of the checkpoint. */
export type StateDict = Map<string, HostTensor>;
