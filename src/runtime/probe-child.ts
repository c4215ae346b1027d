import * as tf from '@tensorflow/tfjs';
import { selectBackend, type BackendName } from './backend.js';
import { loadedLibraries } from './loaded-libraries.js';
import { loadNodeBackend } from './node-backend.js';
import type { ProbeMessage } from './probe.js';

/*
 * Started by probe.ts: starts one backend, multiplies two matrices and sends what it found to the parent. A native library that
 * crashes takes only this process down.
 */

function libraryPath(): string | undefined {
  return loadedLibraries().find((path) => /tensorflow(_cc)?(\.so|\.\d|\.dll|\.dylib)/.test(path));
}

async function probe(backend: BackendName, gpu: boolean): Promise<ProbeMessage> {
  // Straight to the library, GPU visible or not: selectBackend would refuse a missing GPU, and explain it by another probe.
  const binding = backend === 'node' ? loadNodeBackend({ device: { kind: gpu ? 'gpu' : 'cpu' } }) : undefined;
  await selectBackend(backend);
  const product = tf.tidy(() =>
    tf
      .matMul(
        [
          [1, 2],
          [3, 4],
        ],
        [
          [5, 6],
          [7, 8],
        ],
      )
      .as1D(),
  );
  const values = [...(await product.data())];
  if (values.join() !== '19,22,43,50')
    return { available: false, reason: `it multiplies two matrices wrongly (${values.join(' ')})` };
  return {
    available: true,
    tfjs: tf.version.tfjs,
    ...(binding === undefined
      ? {}
      : {
          gpu: binding.isUsingGpuDevice(),
          tensorflow: { version: binding.TF_Version, path: libraryPath() ?? 'unknown' },
        }),
  };
}

const [, , backend, device] = process.argv;
const message = await probe(backend as BackendName, device === 'gpu').catch(
  (error: unknown): ProbeMessage => ({
    available: false,
    reason: error instanceof Error ? error.message : String(error),
  }),
);
process.send?.(message, () => process.exit(0));
