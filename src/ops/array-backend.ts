import type * as tf from '@tensorflow/tfjs';

/** What this file uses of tfjs-backend-cpu's backend. */
interface CpuBackend {
  data: { get(id: tf.DataId): { values: Float32Array } };
  makeTensorInfo(shape: number[], dtype: 'float32', values: Float32Array): tf.TensorInfo;
}

/** What this file uses of tfjs-backend-wasm's backend. */
interface WasmBackend {
  makeOutput(shape: number[], dtype: 'float32'): tf.TensorInfo;
  typedArrayFromHeap(info: tf.TensorInfo): Float32Array;
}

function isWasm(backend: object): backend is WasmBackend {
  return 'typedArrayFromHeap' in backend;
}

/**
 * A kernel as a loop over plain arrays, for the two backends whose tensors live in the process' own memory (cpu, wasm).
 *
 * `body` gets the values of `inputs` and writes all of every output (on wasm they start as whatever was in memory). On
 * wasm the arrays are views of its memory: all outputs are allocated first, because an allocation may move the memory
 * and leave earlier views empty. So `body` must not create tensors.
 */
export function computeOnArrays(
  backend: object,
  inputs: readonly tf.TensorInfo[],
  outputShapes: readonly number[][],
  body: (inputs: Float32Array[], outputs: Float32Array[]) => void,
): tf.TensorInfo[] {
  if (isWasm(backend)) {
    const outputs = outputShapes.map((shape) => backend.makeOutput(shape, 'float32'));
    body(
      inputs.map((info) => backend.typedArrayFromHeap(info)),
      outputs.map((info) => backend.typedArrayFromHeap(info)),
    );
    return outputs;
  }
  const cpu = backend as CpuBackend;
  const arrays = outputShapes.map((shape) => new Float32Array(shape.reduce((a, b) => a * b, 1)));
  body(
    inputs.map((info) => cpu.data.get(info.dataId).values),
    arrays,
  );
  return arrays.map((values, i) => cpu.makeTensorInfo(outputShapes[i]!, 'float32', values));
}
