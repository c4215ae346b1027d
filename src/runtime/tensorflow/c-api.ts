import type { LibraryHandle } from 'koffi';
import { ffi } from '../ffi.js';

/** Address of something that belongs to TensorFlow. */
export type Pointer = bigint;

/** Memory of ours that a function reads or writes during the call. */
type Memory = ArrayBufferView | null;

/** The functions of TensorFlow's C API (tensorflow/c/c_api.h) that are used here, under their names without `TF_`. */
export interface CApi {
  Version(): string;
  NewStatus(): Pointer;
  DeleteStatus(status: Pointer): void;
  GetCode(status: Pointer): number;
  Message(status: Pointer): string;

  NewBufferFromString(bytes: Memory, length: number): Pointer;
  NewBuffer(): Pointer;
  DeleteBuffer(buffer: Pointer): void;

  NewTensor(
    dtype: number,
    dims: Memory,
    rank: number,
    data: Memory,
    bytes: number,
    deallocator: Pointer,
    argument: null,
  ): Pointer | null;
  AllocateTensor(dtype: number, dims: Memory, rank: number, bytes: number): Pointer | null;
  DeleteTensor(tensor: Pointer): void;
  TensorType(tensor: Pointer): number;
  NumDims(tensor: Pointer): number;
  Dim(tensor: Pointer, index: number): number;
  TensorByteSize(tensor: Pointer): number;
  TensorData(tensor: Pointer): Pointer | null;

  NewGraph(): Pointer;
  DeleteGraph(graph: Pointer): void;
  NewImportGraphDefOptions(): Pointer;
  DeleteImportGraphDefOptions(options: Pointer): void;
  GraphImportGraphDef: Async<[graph: Pointer, buffer: Pointer, options: Pointer, status: Pointer]>;
  GraphOperationByName(graph: Pointer, name: string): Pointer | null;
  OperationName(operation: Pointer): string;
  OperationOpType(operation: Pointer): string;
  OperationNumOutputs(operation: Pointer): number;
  OperationOutputNumConsumers(output: { oper: Pointer; index: number }): number;
  OperationOutputConsumers(output: { oper: Pointer; index: number }, consumers: Memory, room: number): number;

  NewSessionOptions(): Pointer;
  DeleteSessionOptions(options: Pointer): void;
  SetConfig(options: Pointer, proto: Memory, length: number, status: Pointer): void;
  NewSession(graph: Pointer, options: Pointer, status: Pointer): Pointer | null;
  LoadSessionFromSavedModel(
    options: Pointer,
    runOptions: null,
    folder: string,
    tags: readonly string[],
    tagCount: number,
    graph: Pointer,
    metaGraph: null,
    status: Pointer,
  ): Pointer | null;
  CloseSession(session: Pointer, status: Pointer): void;
  DeleteSession(session: Pointer, status: Pointer): void;
  SessionRun: Async<
    [
      session: Pointer,
      runOptions: Pointer | null,
      inputs: Memory,
      inputValues: Memory,
      inputCount: number,
      outputs: Memory,
      outputValues: Memory,
      outputCount: number,
      targets: Memory,
      targetCount: number,
      runMetadata: Pointer | null,
      status: Pointer,
    ]
  >;
  SessionListDevices(session: Pointer, status: Pointer): Pointer | null;
  DeviceListCount(list: Pointer): number;
  DeviceListName(list: Pointer, index: number, status: Pointer): string;
  DeviceListType(list: Pointer, index: number, status: Pointer): string;
  DeviceListMemoryBytes(list: Pointer, index: number, status: Pointer): number;
  DeleteDeviceList(list: Pointer): void;

  LoadLibrary(path: string, status: Pointer): Pointer | null;
  DeleteLibraryHandle(library: Pointer): void;
}

/** A function that is called on a thread of its own. What it gets must be kept alive until `done`. */
interface Async<Arguments extends unknown[]> {
  async(...rest: [...Arguments, done: (error: Error | null) => void]): void;
}

type Declaration = readonly [result: string, ...parameters: string[]];

const P = 'void *';

/** Result and parameters. Arrays and structures that are only passed on are plain pointers here. */
const DECLARATIONS: Record<keyof CApi, Declaration> = {
  Version: ['const char *'],
  NewStatus: [P],
  DeleteStatus: ['void', P],
  GetCode: ['int', P],
  Message: ['const char *', P],

  NewBufferFromString: [P, P, 'size_t'],
  NewBuffer: [P],
  DeleteBuffer: ['void', P],

  NewTensor: [P, 'int', P, 'int', P, 'size_t', P, P],
  AllocateTensor: [P, 'int', P, 'int', 'size_t'],
  DeleteTensor: ['void', P],
  TensorType: ['int', P],
  NumDims: ['int', P],
  Dim: ['int64_t', P, 'int'],
  TensorByteSize: ['size_t', P],
  TensorData: [P, P],

  NewGraph: [P],
  DeleteGraph: ['void', P],
  NewImportGraphDefOptions: [P],
  DeleteImportGraphDefOptions: ['void', P],
  GraphImportGraphDef: ['void', P, P, P, P],
  GraphOperationByName: [P, P, 'const char *'],
  OperationName: ['const char *', P],
  OperationOpType: ['const char *', P],
  OperationNumOutputs: ['int', P],
  OperationOutputNumConsumers: ['int', 'TF_Output'],
  OperationOutputConsumers: ['int', 'TF_Output', P, 'int'],

  NewSessionOptions: [P],
  DeleteSessionOptions: ['void', P],
  SetConfig: ['void', P, P, 'size_t', P],
  NewSession: [P, P, P, P],
  LoadSessionFromSavedModel: [P, P, P, 'const char *', 'const char **', 'int', P, P, P],
  CloseSession: ['void', P, P],
  DeleteSession: ['void', P, P],
  SessionRun: ['void', P, P, P, P, 'int', P, P, 'int', P, 'int', P, P],
  SessionListDevices: [P, P, P],
  DeviceListCount: ['int', P],
  DeviceListName: ['const char *', P, 'int', P],
  DeviceListType: ['const char *', P, 'int', P],
  DeviceListMemoryBytes: ['int64_t', P, 'int', P],
  DeleteDeviceList: ['void', P],

  LoadLibrary: [P, 'const char *', P],
  DeleteLibraryHandle: ['void', P],
};

/** Binds the functions of a loaded library. */
export function bindCApi(library: LibraryHandle): CApi {
  const output = ffi().struct({ oper: P, index: 'int' });
  const type = (name: string) => (name === 'TF_Output' ? output : name);
  const bound = Object.entries(DECLARATIONS).map(([name, [result, ...parameters]]) => [
    name,
    library.func(`TF_${name}`, type(result), parameters.map(type)),
  ]);
  return Object.fromEntries(bound) as CApi;
}
