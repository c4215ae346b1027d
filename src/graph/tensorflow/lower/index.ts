import type { Op } from '../../ops.js';
import { batchNorm } from './batch-norm.js';
import { conv2d } from './conv2d.js';
import { elementwise } from './elementwise.js';
import { gelu } from './gelu.js';
import { linearAttention } from './linear-attention.js';
import type { LowerTable } from './lowering.js';
import { resize } from './resize.js';
import { shapes } from './shapes.js';
import { update } from './update.js';

export type { LowerOptions } from './lowering.js';

/** Operations that stand for state or for what comes from outside: written where the whole graph is. */
export type StateOp = 'Input' | 'Variable' | 'Const' | 'AdamW';

/** How every operation is written for TensorFlow. */
export const LOWER: LowerTable<Exclude<Op, StateOp>> = {
  ...elementwise,
  ...gelu,
  ...linearAttention,
  ...shapes,
  ...batchNorm,
  ...resize,
  ...conv2d,
  ...update,
};
