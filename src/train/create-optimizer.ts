import type * as tf from '@tensorflow/tfjs';
import { AdamW } from './adamw.js';
import type { RunConfig } from './config.js';
import { Lamb } from './lamb.js';
import { Lion } from './lion.js';
import type { Optimizer } from './optimizer.js';
import { parameterSettings } from './param-groups.js';
import { Sgd } from './sgd.js';

/** What of a run's configuration makes its optimizer. */
export type OptimizerConfig = Pick<
  RunConfig,
  'opt' | 'optEps' | 'optBetas' | 'momentum' | 'weightDecay' | 'layerDecay' | 'decayExclude'
>;

/** Moments' decays where `--opt-betas` says nothing: PyTorch's and timm's defaults. */
export const DEFAULT_BETAS = {
  adamw: [0.9, 0.999],
  lamb: [0.9, 0.999],
  lion: [0.9, 0.99],
  sgd: undefined,
} as const satisfies Record<RunConfig['opt'], readonly [number, number] | undefined>;

/** The optimizer that the configuration asks for, over the parameters that are trained. */
export function createOptimizer(
  config: OptimizerConfig,
  parameters: ReadonlyMap<string, tf.Variable>,
): Optimizer {
  const { opt, optEps: eps, momentum, weightDecay } = config;
  const settings = parameterSettings(parameters, config);
  const betas = config.optBetas ?? DEFAULT_BETAS[opt === 'sgd' ? 'adamw' : opt];
  switch (opt) {
    case 'adamw':
      return new AdamW(parameters, { betas, eps, weightDecay }, settings);
    case 'sgd':
      return new Sgd(parameters, settings, { momentum });
    case 'lamb':
      return new Lamb(parameters, settings, { betas, eps });
    case 'lion':
      return new Lion(parameters, settings, { betas, weightDecay });
  }
}
