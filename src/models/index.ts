import { randomWeights, zeroWeights } from '../layers/initial-weights.js';
import { resolveModel } from './model-config.js';
import { modelFrom } from './model-from.js';
import type { RecNextOptions } from './recnext-config.js';
import type { RecNext } from './recnext.js';
import type { RegNet } from './regnet.js';

export { FeatureExtractor, type FeatureInfo } from './feature-extractor.js';
export { listModels, parseModelName } from './names.js';
export { published, type Published } from './published.js';
export { RecNext } from './recnext.js';
export { RegNet } from './regnet.js';
export { smallInputNotice } from './small-input.js';
export { SpecModel } from './spec-model.js';
export { modelFrom } from './model-from.js';
export type { ModelConfig } from './model-config.js';
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
 * @param name `recnext_m3`, with a tag `recnext_m3.dist_300e_in1k`, or a teacher `regnety_160`
 * @throws UsageError for an unknown name (with the nearest one) or options that cannot be built
 */
export function buildModel(name: string, options: BuildOptions = {}): RecNext | RegNet {
  const { init = 'random', seed = 0, ...rest } = options;
  return modelFrom(resolveModel(name, rest), init === 'zeros' ? zeroWeights : randomWeights(seed));
}
