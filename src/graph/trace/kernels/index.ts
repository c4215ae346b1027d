import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../../errors.js';
import { moduleScope } from '../module-scope.js';
import type { TraceBackend } from '../trace-backend.js';
import { elementwiseKernels } from './elementwise.js';
import { imageKernels } from './images.js';
import { KernelCall, type TraceKernel } from './kernel.js';
import { normalisationKernels } from './normalisation.js';
import { optimizerKernels } from './optimizer.js';
import { shapeKernels } from './shapes.js';

const kernels: Readonly<Record<string, TraceKernel>> = {
  ...elementwiseKernels,
  ...shapeKernels,
  ...imageKernels,
  ...normalisationKernels,
  ...optimizerKernels,
};

/**
 * Registers all kernels of the tracing backend; and for every other kernel that any backend has one that says it can't be traced, with the module that
 * called it. (TF.js itself would only say that the kernel is not registered.)
 */
export function registerTraceKernels(backendName: string): void {
  for (const [kernelName, kernel] of Object.entries(kernels))
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs, backend }) =>
        kernel(new KernelCall(kernelName, (backend as TraceBackend).active, inputs, attrs)),
    });
  const others = new Set(
    ['cpu', 'wasm', 'tensorflow'].flatMap((name) => tf.getKernelsForBackend(name).map((k) => k.kernelName)),
  );
  for (const kernelName of others)
    if (!(kernelName in kernels))
      tf.registerKernel({
        kernelName,
        backendName,
        kernelFunc: () => {
          const where = moduleScope();
          throw new UserError(
            `${where === undefined ? 'the code' : `module "${where}"`} uses the TF.js kernel ${kernelName}, which can't be compiled. ` +
              `Write it with other operations, or run without compiling (--engine eager).`,
          );
        },
      });
}
