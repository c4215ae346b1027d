import type { ImageTransform } from './transform.js';
import { evalTransform, type EvalConfig } from './transform-eval.js';
import { trainTransform, type TrainConfig } from './transform-train.js';

/** A transform as plain data: what another thread makes the same transform of. */
export type TransformDescription =
  | { readonly kind: 'eval'; readonly config: EvalConfig }
  | { readonly kind: 'train'; readonly config: TrainConfig };

/** The transform that is described. */
export function describedTransform({ kind, config }: TransformDescription): ImageTransform {
  return kind === 'eval' ? evalTransform(config) : trainTransform(config);
}
