import { depthwise } from './conv-norm.js';
import { conv2dSpec } from './conv2d.js';
import { childCost, type ModuleSpec } from './module-spec.js';
import { merge } from './primitives.js';

export interface RepVggDwArgs {
  readonly channels: number;
}

/** Depthwise 3x3 (`lk`) + depthwise 1x1 (`sk`) + identity. */
export function repVggDw(args: RepVggDwArgs): ModuleSpec {
  const spec: ModuleSpec = {
    type: 'RepVggDw',
    args,
    weights: [],
    children: [
      ['lk', depthwise(args.channels, 3, 1, true, false)],
      ['sk', depthwise(args.channels, 1, 1, true, false)],
    ],
    cost: (input, report) =>
      merge(childCost(spec, 'lk', input, report), childCost(spec, 'sk', input, report)),
  };
  return spec;
}

/** The same, fused to one depthwise 3x3 convolution: `weight`, `bias`. */
export function repVggDwFused({ channels }: RepVggDwArgs): ModuleSpec {
  return conv2dSpec({
    inChannels: channels,
    outChannels: channels,
    kernel: 3,
    stride: 1,
    groups: channels,
    bias: true,
  });
}
