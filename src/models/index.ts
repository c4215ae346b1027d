import { randomWeights, zeroWeights } from '../layers/initial-weights.js';
import { resolveRecNext, type RecNextOptions } from './recnext-config.js';
import { RecNext } from './recnext.js';

export { listModels } from './names.js';
export { published, type Published } from './published.js';
export { RecNext } from './recnext.js';
export type { RecNextConfig, RecNextOptions } from './recnext-config.js';
export { replaceBatchnorm } from './replace-batchnorm.js';
export { modelCosts, summarise, type ModelCosts, type ModelSummary } from './summary.js';
export type { DataConfig, ForwardContext, ImageModel, ParameterSpec, TrainingOutput } from './image-model.js';
export type { HostTensor, StateDict } from './state-dict.js';

export interface BuildOptions extends RecNextOptions {
  /** First weights: drawn from PyTorch's distributions with `seed` (default), or zero because they are loaded next. */
  init?: 'random' | 'zeros';
  /** Default 0. */
  seed?: number;
}

/**
 * Builds a model with fresh weights.
 *
 * @param name `recnext_m3`, or with a tag `recnext_m3.dist_300e_in1k`
 * @throws UsageError for an unknown name (with the nearest one) or options that cannot be built
 */
export function buildModel(name: string, options: BuildOptions = {}): RecNext {
  const { init = 'random', seed = 0, ...rest } = options;
  return new RecNext(resolveRecNext(name, rest), init === 'zeros' ? zeroWeights : randomWeights(seed));
}
