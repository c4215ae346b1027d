export * from '../../src/eval/verify/synthetic.js';
export { fnv1a32 } from '../../src/fnv1a.js';
