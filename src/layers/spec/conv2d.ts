import type { ModuleSpec } from './module-spec.js';
import { convFeature, convMacs, convWeights, type ConvShape } from './primitives.js';

export interface Conv2dArgs extends ConvShape {
  readonly bias: boolean;
}

/** A convolution of its own, padded by floor(k/2): `weight` and, with `bias`, `bias`. */
export function conv2dSpec(args: Conv2dArgs): ModuleSpec {
  return {
    type: 'PaddedConv2d',
    args,
    weights: convWeights(args, args.bias),
    children: [],
    cost(input, report) {
      const output = convFeature(args, input);
      report.add('conv', convMacs(args, output));
      return output;
    },
  };
}
