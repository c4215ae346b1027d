import type { LowerTable } from './lowering.js';

/** There is no form of it in TensorFlow's operations: its pass makes it for ours only. */
export const linearAttention: LowerTable<'LinearAttention'> = {
  LinearAttention: ({ attrs: { heads, epsilon } }, [qk, v, ...addends], to) => [
    to.add('RecnextLinearAttention', [qk!, v!, ...addends], {
      heads: { int: heads },
      epsilon: { float: epsilon },
      N: { int: addends.length },
    }),
  ],
};
