import { childCost, type ModuleSpec } from './module-spec.js';
import { batchNormMacs, batchNormWeights, linearWeights } from './primitives.js';

export interface NormLinearArgs {
  readonly inFeatures: number;
  readonly outFeatures: number;
}

/** Batch norm over features, then a linear layer with bias: `norm.*`, `linear.*`. */
export function normLinear(args: NormLinearArgs): ModuleSpec {
  const { inFeatures, outFeatures } = args;
  return {
    type: 'NormLinear',
    args,
    weights: [...batchNormWeights(inFeatures, 'norm.'), ...linearWeights(inFeatures, outFeatures, 'linear.')],
    children: [],
    cost(input, report) {
      report.add('batch_norm', batchNormMacs(input));
      report.add('linear', inFeatures * outFeatures);
      return { ...input, channels: outFeatures };
    },
  };
}

export interface HeadArgs {
  readonly inFeatures: number;
  /** 0: no classifier, the pooled features come out. */
  readonly numClasses: number;
  /** Probability of dropping a pooled feature in training. */
  readonly dropRate: number;
  readonly fused: boolean;
}

/** Global mean, then the mean of the classifiers `head` and `head_dist`; fused: one linear layer, `weight` and `bias`. */
export function head(args: HeadArgs): ModuleSpec {
  const { inFeatures, numClasses, fused } = args;
  const classifier = normLinear({ inFeatures, outFeatures: numClasses });
  const spec: ModuleSpec = {
    type: 'RecNextHead',
    args,
    weights: fused && numClasses > 0 ? linearWeights(inFeatures, numClasses) : [],
    children:
      fused || numClasses === 0
        ? []
        : [
            ['head', classifier],
            ['head_dist', classifier],
          ],
    cost(input, report) {
      const pooled = { ...input, height: 1, width: 1, field: Infinity };
      if (numClasses === 0) return pooled;
      if (fused) {
        report.add('linear', inFeatures * numClasses);
        return { ...pooled, channels: numClasses };
      }
      childCost(spec, 'head', pooled, report);
      return childCost(spec, 'head_dist', pooled, report);
    },
  };
  return spec;
}
