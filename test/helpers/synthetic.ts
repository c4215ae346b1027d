export * from '../../src/eval/verify/synthetic.js';
