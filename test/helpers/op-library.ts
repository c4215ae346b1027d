import { findCompiler } from '../../src/runtime/setup/addon.js';
import { buildOpLibrary } from '../../src/runtime/setup/op-library.js';
import { findTensorFlowFiles } from '../../src/runtime/tensorflow/find-library.js';

const home = await findTensorFlowFiles('cpu').then(
  (files) => files.home,
  () => undefined,
);
const compiler = home === undefined ? undefined : await findCompiler();

/** Whether our own operations can be built here. */
export const canBuildOps = home !== undefined && compiler !== undefined;

export const NO_OPS = canBuildOps ? '' : ' (skipped: no TensorFlow headers or no C++ compiler here)';

/** The library of our own operations, built from the sources as they are. */
export const builtOpLibrary = (): Promise<string> =>
  buildOpLibrary(home!, compiler!, { step: () => undefined, progress: () => undefined });
