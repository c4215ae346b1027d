import { depthwise } from './conv-norm.js';
import { linearAttention, nearestMacs, type LinearAttentionArgs } from './linear-attention.js';
import { childCost, type ModuleSpec } from './module-spec.js';
import { merge } from './primitives.js';

export type RecAttn2dArgs = Omit<LinearAttentionArgs, 'qk'>;

/** conv(x + nearest(attention(down(x)))): `down.0`, `down.1`, `conv`. */
export function recAttn2d(args: RecAttn2dArgs): ModuleSpec {
  const { channels, bias = false, fused = false } = args;
  const spec: ModuleSpec = {
    type: 'RecAttn2d',
    args,
    weights: [],
    children: [
      ['down.0', depthwise(channels, 5, 2, bias, fused)],
      ['down.1', linearAttention({ ...args, qk: 'separate' })],
      ['conv', depthwise(channels, 5, 1, bias, fused)],
    ],
    cost(input, report) {
      const attention = childCost(spec, 'down.1', childCost(spec, 'down.0', input, report), report);
      report.add('resize', nearestMacs(input));
      return childCost(spec, 'conv', merge(input, attention), report);
    },
  };
  return spec;
}
