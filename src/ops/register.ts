import * as tf from '@tensorflow/tfjs';

/** Backends every operation of ours has a kernel for, as TF.js names them (`tensorflow` is tfjs-node). */
export const BACKENDS = ['cpu', 'wasm', 'webgl', 'webgpu', 'tensorflow'] as const;
export type OpBackend = (typeof BACKENDS)[number];

/** What computes one kernel: `portable` everywhere that `special` has nothing better. */
export interface OpKernel {
  name: string;
  portable: tf.KernelFunc;
  special?: Partial<Record<OpBackend, tf.KernelFunc>>;
}

/**
 * Registers a kernel for all backends. The registry is global to the process and warns about a second registration,
 * so a kernel that is there already (the module was loaded twice, or TF.js brings its own) is left alone.
 */
export function registerOpKernel({ name, portable, special }: OpKernel): void {
  for (const backend of BACKENDS) registerKernelOnce(name, backend, special?.[backend] ?? portable);
}

/** Registers one kernel for one backend, unless that backend has it. */
export function registerKernelOnce(
  kernelName: string,
  backendName: OpBackend,
  kernelFunc: tf.KernelFunc,
): void {
  if ((tf.getKernel(kernelName, backendName) as tf.KernelConfig | undefined) !== undefined) return;
  tf.registerKernel({ kernelName, backendName, kernelFunc });
}

/** Registers the gradient of a kernel, unless it has one. */
export function registerGradientOnce(config: tf.GradConfig): void {
  if ((tf.getGradient(config.kernelName) as tf.GradConfig | undefined) !== undefined) return;
  tf.registerGradient(config);
}

/**
 * Runs a kernel through the engine: it is recorded on the gradient tape, and by a tracing backend. The caller names the
 * type of the result, which TF.js does not know.
 */
export function runKernel<T extends tf.Tensor | tf.Tensor[]>(
  name: string,
  inputs: Record<string, tf.Tensor>,
  attrs: Record<string, tf.Attribute> = {},
): T {
  return tf.engine().runKernel(name, inputs, attrs) as unknown as T;
}

/** The tensor of a one-output kernel's incoming gradient. */
export function single(dy: tf.Tensor | tf.Tensor[]): tf.Tensor {
  return Array.isArray(dy) ? dy[0]! : dy;
}
