import { featuresOf, isRecNext, modelDataConfig, type ModelConfig } from '../../models/model-config.js';

/** timm's config.json of a model: lets timm and the reference build it and find its classes and preprocessing. */
export function timmConfig(config: ModelConfig, classNames?: readonly string[]): Record<string, unknown> {
  const { name, numClasses } = config;
  const { inputSize, interpolation, cropPct, cropMode, mean, std } = modelDataConfig(config);
  const recnext = isRecNext(config) ? config : undefined;
  return {
    architecture: name,
    num_classes: numClasses,
    num_features: featuresOf(config),
    global_pool: 'avg',
    ...(recnext === undefined
      ? {}
      : { model_args: { embed_dim: recnext.dims, depth: recnext.depths, num_classes: numClasses } }),
    ...(classNames === undefined ? {} : { label_names: classNames }),
    pretrained_cfg: {
      tag: recnext?.distillation ? 'dist_300e_in1k' : 'base_300e_in1k',
      input_size: inputSize,
      fixed_input_size: false,
      interpolation,
      crop_pct: cropPct,
      crop_mode: cropMode,
      mean,
      std,
      num_classes: numClasses,
    },
  };
}
