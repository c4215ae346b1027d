import type { ModelConfig } from '../../models/model-config.js';

/** What our own files say about the model in them: kept in model.json's `userDefinedMetadata.recnext`. */
export function metadataOf(config: ModelConfig, classNames?: readonly string[]): Record<string, unknown> {
  return { format: 1, config, ...(classNames === undefined ? {} : { classNames }) };
}
