import { pointwise } from './conv-norm.js';
import { childCost, type ModuleSpec } from './module-spec.js';

export interface MlpArgs {
  readonly channels: number;
  readonly hidden: number;
  readonly bias?: boolean;
  readonly fused?: boolean;
}

/** The channel mixer: 1x1 ConvNorm to `hidden` (`0`), GELU, 1x1 ConvNorm back (`2`). */
export function mlp(args: MlpArgs): ModuleSpec {
  const { channels, hidden, bias = false, fused = false } = args;
  const spec: ModuleSpec = {
    type: 'Mlp',
    args,
    weights: [],
    children: [
      ['0', pointwise(channels, hidden, bias, fused)],
      ['2', pointwise(hidden, channels, bias, fused)],
    ],
    cost: (input, report) => childCost(spec, '2', childCost(spec, '0', input, report), report),
  };
  return spec;
}
