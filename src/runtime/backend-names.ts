/** Backends as the command line names them; TF.js calls `node` "tensorflow". */
export type BackendName = 'node' | 'webgpu' | 'wasm' | 'cpu';

/** Best first. */
export const BACKEND_NAMES: readonly BackendName[] = ['node', 'webgpu', 'wasm', 'cpu'];

/** The package behind `node`; it computes on a CPU as well. */
export const NODE_PACKAGE = '@tensorflow/tfjs-node-gpu';
