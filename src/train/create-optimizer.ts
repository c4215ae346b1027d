import type * as tf from '@tensorflow/tfjs';
import { AdamW } from './adamw.js';
import type { RunConfig } from './config.js';
import { DEFAULT_BETAS } from './default-betas.js';
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

/** The optimizer that the configuration asks for, over the parameters that are trained. */
export function createOptimizer(
  config: OptimizerConfig,
  parameters: ReadonlyMap<string, tf.Variable>,
): Optimizer {
  const { opt, optEps: eps, optBetas, momentum, weightDecay } = config;
  const settings = parameterSettings(parameters, config);
  switch (opt) {
    case 'adamw':
      return new AdamW(parameters, { betas: optBetas ?? DEFAULT_BETAS.adamw, eps, weightDecay }, settings);
    case 'sgd':
      return new Sgd(parameters, settings, { momentum });
    case 'lamb':
      return new Lamb(parameters, settings, { betas: optBetas ?? DEFAULT_BETAS.lamb, eps });
    case 'lion':
      return new Lion(parameters, settings, { betas: optBetas ?? DEFAULT_BETAS.lion, weightDecay });
  }
}
