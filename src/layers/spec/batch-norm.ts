import type { ModuleSpec } from './module-spec.js';
import { batchNormMacs, batchNormWeights } from './primitives.js';

export interface BatchNormArgs {
  readonly channels: number;
}

/** A batch norm of its own. */
export function batchNorm(args: BatchNormArgs): ModuleSpec {
  return {
    type: 'RecNextBatchNorm',
    args,
    weights: batchNormWeights(args.channels),
    children: [],
    cost(input, report) {
      report.add('batch_norm', batchNormMacs(input));
      return input;
    },
  };
}
