import { UserError } from '../../errors.js';
import { ffi } from '../ffi.js';
import { withoutNativeMessages } from '../quiet.js';
import type { Variant } from '../setup/platform.js';
import { bindCApi, type CApi, type Pointer } from './c-api.js';
import { findTensorFlowFiles, type TensorFlowFiles } from './find-library.js';
import { withStatus } from './status.js';

export interface TensorFlowLibrary {
  readonly api: CApi;
  readonly files: TensorFlowFiles;
  /** A native function without effect, for TF_NewTensor: the memory belongs to JavaScript. */
  readonly releaseNothing: Pointer;
}

let loading: Promise<TensorFlowLibrary> | undefined;

/**
 * libtensorflow, loaded once a process.
 *
 * @param prefer which wheel to take when both are there; counts at the first call
 * @throws UserError: not on this machine, or the system's loader refuses it
 */
export function loadTensorFlow(prefer: Variant = 'cpu'): Promise<TensorFlowLibrary> {
  loading ??= load(prefer).catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(prefer: Variant): Promise<TensorFlowLibrary> {
  const files = await findTensorFlowFiles(prefer);
  // One pool of threads for all sessions otherwise, with the number that the first one asked for.
  process.env.TF_OVERRIDE_GLOBAL_THREADPOOL ??= '1';
  try {
    return withoutNativeMessages(() => {
      keepLoaded(files.libraries);
      const handles = files.libraries.map((path) => ffi().load(path, { global: true }));
      const api = bindCApi(handles.at(-1)!);
      return { api, files, releaseNothing: handles.at(-1)!.symbol('TF_Version') as Pointer };
    });
  } catch (error) {
    throw new UserError(
      `the tensorflow engine is not available: ${(error as Error).message.split('\n')[0]!.replace(/\.$/, '')}. \`recnext setup\` brings another libtensorflow.`,
      { cause: error },
    );
  }
}

const RTLD_NOW = 2;
const RTLD_GLOBAL = process.platform === 'darwin' ? 8 : 0x100;

/**
 * Takes a reference that is never given back. koffi unloads its libraries when the process ends, under TensorFlow's running threads:
 * a segmentation fault after all work was done.
 */
function keepLoaded(libraries: readonly string[]): void {
  if (process.platform === 'win32') return;
  const dlopen = ffi().load(null).func('void *dlopen(const char *path, int flags)');
  for (const path of libraries) dlopen(path, RTLD_NOW | RTLD_GLOBAL);
}

/** Version of the loaded libtensorflow: `2.21.0`. */
export async function tensorflowVersion(): Promise<string> {
  return (await loadTensorFlow()).api.Version();
}

/** Sets the threads of one operation; by path of the library. */
const opLibraries = new Map<string, (threads: number) => void>();

/**
 * Makes the operations of our library known to TensorFlow, once a process, and sets how many threads work on one of them: for all
 * sessions of the process.
 *
 * @throws TensorFlowError when the file is no such library
 */
export function loadOpLibrary(api: CApi, path: string, threads: number): void {
  const loaded = opLibraries.get(path);
  if (loaded !== undefined) return loaded(threads);
  withStatus(api, `loading the operations of ${path}`, (status) => {
    const library = api.LoadLibrary(path, status);
    // The handle only lists the operations; the library itself stays.
    if (library !== null) api.DeleteLibraryHandle(library);
  });
  const setThreads = ffi().load(path).func('void RecnextSetThreads(int threads)') as (
    threads: number,
  ) => void;
  opLibraries.set(path, setThreads);
  letComputeIn16Bits(TYPED_OPERATIONS);
  setThreads(threads);
}

/** Our operations that have kernels for bfloat16 too. */
const TYPED_OPERATIONS = ['RecnextGelu', 'RecnextDepthwiseConv', 'RecnextResize', 'RecnextLinearAttention'];

/** TensorFlow's rewrite to 16 bits knows its own operations only and puts casts around others, unless this variable names them. */
function letComputeIn16Bits(operations: readonly string[]): void {
  const variable = 'TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_INFERLIST_ADD';
  const known = (process.env[variable] ?? '').split(',').filter((name) => name !== '');
  process.env[variable] = [...new Set([...known, ...operations])].join(',');
}
