import { shapeOf } from '../../graph.js';
import { FLOAT } from '../node-def.js';
import type { LowerTable } from './lowering.js';

/** What is done to gradients and weights between the backward pass and the optimizer, and after it. */
export const update: LowerTable<'AdaptiveClip' | 'Lerp'> = {
  AdaptiveClip: (node, [gradient, parameter], to, { nativeOps }) => {
    const { factor, groups, inner, units, minWeightNorm, minGradientNorm } = node.attrs;
    if (nativeOps)
      return [
        to.add('RecnextAdaptiveClip', [gradient!, parameter!], {
          factor: { float: factor },
          groups: { int: groups },
          inner: { int: inner },
          units: { int: units },
          min_weight_norm: { float: minWeightNorm },
          min_gradient_norm: { float: minGradientNorm },
        }),
      ];
    const view = (x: string): string => to.reshape(x, [-1, groups, inner, units]);
    const squares = (x: string): string =>
      to.add('Sum', [to.op('Square', [view(x)]), to.ints([0, 2])], {
        T: FLOAT,
        Tidx: { type: 'int32' },
        keep_dims: { bool: true },
      });
    const atLeast = (x: string, least: number): string => to.op('Maximum', [x, to.scalar(least)]);
    const largest = to.op('Mul', [atLeast(squares(parameter!), minWeightNorm ** 2), to.scalar(factor ** 2)]);
    const ratio = to.op('RealDiv', [largest, atLeast(squares(gradient!), minGradientNorm ** 2)]);
    const scale = to.op('Minimum', [to.op('Sqrt', [ratio]), to.scalar(1)]);
    return [to.reshape(to.op('Mul', [view(gradient!), scale]), shapeOf(node.inputs[0]!))];
  },
  Lerp: (_, [value, towards, share], to, { nativeOps }) => {
    if (nativeOps) return [to.add('RecnextLerp', [value!, towards!, share!])];
    const change = to.op('Mul', [to.op('Sub', [towards!, value!]), share!]);
    return [to.op('AddV2', [value!, change])];
  },
};
