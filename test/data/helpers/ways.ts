import { withoutSimd } from '../../../src/data/simd/instance.js';

/** What pictures are computed by: WebAssembly, and TypeScript where there is none. Both must give the reference's bytes. */
export const WAYS: readonly (readonly [name: string, run: <T>(work: () => T) => T])[] = [
  ['SIMD', (work) => work()],
  ['TypeScript', withoutSimd],
];
