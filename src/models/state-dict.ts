/** A tensor on the host: row-major (C order) values in the layout of the checkpoint (PyTorch's). */
export interface HostTensor {
  readonly shape: readonly number[];
  /** int64 values arrive as `BigInt64Array`; float16 and bfloat16 are widened to float32 by the readers. */
  readonly data:
    Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Int8Array | Int16Array;
}

/** Named tensors as a PyTorch `state_dict` holds them: names, order and layout of the checkpoint. */
export type StateDict = Map<string, HostTensor>;
