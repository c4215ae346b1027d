import type { Feature, ModuleSpec } from './module-spec.js';
import { convFeature, convMacs, convWeights, elements, merge, type ConvShape } from './primitives.js';

export interface RecConv2dArgs {
  readonly channels: number;
  /** Times the map is halved. */
  readonly level: number;
  /** Default 5. */
  readonly kernel?: number;
}

/** Depthwise convolution of a RecConv2d at one level. */
export function recConvShape(args: RecConv2dArgs, stride: number): ConvShape {
  const { channels, kernel = 5 } = args;
  return { inChannels: channels, outChannels: channels, kernel, stride, groups: channels };
}

/**
 * Recursive convolution (arXiv 2412.19628, section 3): `down.weight`, shared by all levels, and `convs.0 … convs.level`.
 * fvcore counts four operations for an element that is interpolated bilinearly.
 */
export function recConv2d(args: RecConv2dArgs): ModuleSpec {
  const { level } = args;
  const down = recConvShape(args, 2);
  const same = recConvShape(args, 1);
  return {
    type: 'RecConv2d',
    args,
    weights: [
      ...(level > 0 ? convWeights(down, false, 'down.') : []),
      ...Array.from({ length: level + 1 }, (_, i) => convWeights(same, false, `convs.${i}.`)).flat(),
    ],
    children: [],
    cost(input, report) {
      const conv = (shape: ConvShape, from: Feature): Feature => {
        const to = convFeature(shape, from);
        report.add('conv', convMacs(shape, to));
        return to;
      };
      const levels = [input];
      for (let i = 0; i < level; i++) levels.push(conv(down, levels[i]!));
      let coming: Feature | undefined;
      for (let i = level; i > 0; i--) {
        const here = levels[i]!;
        const low = conv(same, coming === undefined ? here : merge(here, coming));
        const above = levels[i - 1]!;
        report.add('resize', 4 * elements(above));
        // A position between two of the smaller map reads both of them.
        coming = { ...above, field: low.field + low.stride };
      }
      return conv(same, coming === undefined ? input : merge(input, coming));
    },
  };
}
