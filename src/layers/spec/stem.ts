import { convNorm } from './conv-norm.js';
import { childCost, type ModuleSpec } from './module-spec.js';

export interface StemArgs {
  readonly inChannels: number;
  /** Channels after each 3x3 stride-2 ConvNorm: two of them in M and A, three in T, S and B. */
  readonly widths: readonly number[];
  readonly bias: boolean;
  /** One more GELU at the end (T and S, whose first stage is empty). */
  readonly lastGelu: boolean;
  readonly fused: boolean;
}

/** 3x3 stride-2 ConvNorms with GELU between them: `stem.0`, `stem.2` (, `stem.4`). */
export function stem(args: StemArgs): ModuleSpec {
  const { inChannels, widths, bias, fused } = args;
  const spec: ModuleSpec = {
    type: 'RecNextStem',
    args,
    weights: [],
    children: widths.map((outChannels, i) => [
      `stem.${2 * i}`,
      convNorm({
        inChannels: widths[i - 1] ?? inChannels,
        outChannels,
        kernel: 3,
        stride: 2,
        groups: 1,
        bias,
        fused,
      }),
    ]),
    cost: (input, report) =>
      spec.children.reduce((feature, [name]) => childCost(spec, name, feature, report), input),
  };
  return spec;
}
