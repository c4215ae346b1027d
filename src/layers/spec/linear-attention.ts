import { convNorm, depthwise } from './conv-norm.js';
import { childCost, type ModuleSpec } from './module-spec.js';
import { elements } from './primitives.js';

export interface LinearAttentionArgs {
  readonly channels: number;
  readonly heads: number;
  /** `separate`: q from the first half of the input, k from the second (2 groups). `shared`: one convolution makes both, half as wide. */
  readonly qk: 'separate' | 'shared';
  /** The order in which the reference multiplies; it decides only what the published operation counts contain. */
  readonly referenceOrder: 'kv-first' | 'qk-first';
  readonly bias?: boolean;
  readonly fused?: boolean;
}

/** Linear attention with elu + 1 features and a depthwise positional encoding: `qk`, `pe`. */
export function linearAttention(args: LinearAttentionArgs): ModuleSpec {
  const { channels, qk, bias = false, fused = false } = args;
  const qkConv = { inChannels: channels, kernel: 1, stride: 1, bias, fused };
  const spec: ModuleSpec = {
    type: 'LinearAttention',
    args,
    weights: [],
    children: [
      [
        'qk',
        qk === 'separate'
          ? convNorm({ ...qkConv, outChannels: 2 * channels, groups: 2 })
          : convNorm({ ...qkConv, outChannels: channels, groups: 1 }),
      ],
      ['pe', depthwise(channels, 3, 1, bias, fused)],
    ],
    cost(input, report) {
      childCost(spec, 'qk', input, report);
      report.add('matmul', attentionMacs(args, input.height * input.width));
      childCost(spec, 'pe', input, report);
      return { ...input, field: Infinity };
    },
  };
  return spec;
}

/** Multiply-accumulates of the products, as the reference orders them: (kᵀv) first also forms q·mean(k) by a product. */
function attentionMacs(args: LinearAttentionArgs, n: number): number {
  const { channels, heads, qk } = args;
  const keyChannels = qk === 'separate' ? channels : channels / 2;
  if (args.referenceOrder === 'qk-first') return n * n * (keyChannels + channels);
  return (2 * n * keyChannels * channels) / heads + n * keyChannels;
}

/** Elements of the map that nearest-neighbour interpolation fills: fvcore counts one operation each. */
export const nearestMacs = elements;
