import { describe } from 'vitest';
import { describeBackends } from './backends.js';

/** A suite that needs libtensorflow: skips with the reason where there is none; in CI there must be one. */
export function describeTensorFlow(title: string, suite: () => void): void {
  describe(title, () => describeBackends(['node'], 'libtensorflow', suite));
}
