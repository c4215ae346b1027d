import { RecNext, type RegNet } from '../../models/index.js';

/** timm's config.json of a model: lets timm and the reference build it and find its classes and preprocessing. */
export function timmConfig(model: RecNext | RegNet, classNames?: readonly string[]): Record<string, unknown> {
  const { dataConfig, numClasses } = model;
  const recnext = model instanceof RecNext ? model.config : undefined;
  return {
    architecture: model.name,
    num_classes: numClasses,
    num_features: recnext?.dims.at(-1) ?? (model as RegNet).config.widths.at(-1),
    global_pool: 'avg',
    ...(recnext === undefined
      ? {}
      : { model_args: { embed_dim: recnext.dims, depth: recnext.depths, num_classes: numClasses } }),
    ...(classNames === undefined ? {} : { label_names: classNames }),
    pretrained_cfg: {
      tag: recnext?.distillation ? 'dist_300e_in1k' : 'base_300e_in1k',
      input_size: dataConfig.inputSize,
      fixed_input_size: false,
      interpolation: dataConfig.interpolation,
      crop_pct: dataConfig.cropPct,
      crop_mode: dataConfig.cropMode,
      mean: dataConfig.mean,
      std: dataConfig.std,
      num_classes: numClasses,
    },
  };
}
