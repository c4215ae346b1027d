import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { createRequire } from 'node:module';

/** Backends as the command line names them; TF.js calls `node` "tensorflow". */
export type BackendName = 'node' | 'webgpu' | 'wasm' | 'cpu';

const TFJS_NAME: Record<BackendName, string> = {
  node: 'tensorflow',
  webgpu: 'webgpu',
  wasm: 'wasm',
  cpu: 'cpu',
};

/** Makes `name` the backend of this process. First version: no `auto`, no reasons. */
export async function selectBackend(name: BackendName): Promise<BackendName> {
  if (name === 'node') {
    process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
    createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu');
  }
  await tf.setBackend(TFJS_NAME[name]);
  await tf.ready();
  return name;
}
