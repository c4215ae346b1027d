import { describe } from 'vitest';
import { tensorflowVersion } from '../../src/runtime/tensorflow/index.js';
import { describeBackends } from './backends.js';

/** A suite that needs libtensorflow: skips with the reason where there is none; in CI there must be one. */
export function describeTensorFlow(title: string, suite: () => void): void {
  describe(title, () => describeBackends(['node'], 'libtensorflow', suite));
}

/** Why there is no libtensorflow; undefined where there is. */
export const noTensorFlow = await tensorflowVersion().then(
  () => undefined,
  (error: Error) => error.message,
);
