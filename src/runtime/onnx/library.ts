import type * as ort from 'onnxruntime-node';
import { UserError } from '../../errors.js';

/** onnxruntime's JavaScript interface. */
export type OnnxRuntime = Pick<typeof ort, 'InferenceSession' | 'Tensor' | 'env'>;

let loaded: Promise<OnnxRuntime> | undefined;

/**
 * onnxruntime-node, loaded once: it is an optional dependency.
 *
 * @throws UserError that says why it is not there, and what to do
 */
export function loadOnnxRuntime(): Promise<OnnxRuntime> {
  return (loaded ??= import('onnxruntime-node').then(
    // A CommonJS module: only under `default` are all of its exports certain.
    (module) => module.default,
    (error: unknown) => {
      loaded = undefined;
      const [line] = (error instanceof Error ? error.message : String(error)).split('\n');
      throw new UserError(
        `onnxruntime is not available here (${line}): install it with \`npm install onnxruntime-node\`, or use --engine tensorflow or eager.`,
        { cause: error },
      );
    },
  ));
}

/** Version of onnxruntime. Throws as `loadOnnxRuntime`. */
export async function onnxRuntimeVersion(): Promise<string> {
  const { env } = await loadOnnxRuntime();
  return env.versions.node ?? env.versions.common;
}
