import type * as tf from '@tensorflow/tfjs';
import { UsageError } from '../errors.js';
import type { ImageModel } from '../models/image-model.js';
import { didYouMean } from '../suggest.js';
import { namePattern } from './param-groups.js';
import type { RunnerOptions } from './step-runner.js';

/** What `--freeze` leaves to learn, and which batch norms it stops. */
export interface Frozen {
  readonly trained: ReadonlyMap<string, tf.Variable>;
  readonly batchNorms: NonNullable<RunnerOptions['freezeBatchNorm']>;
}

/**
 * Splits a model's parameters. A batch norm whose weights are frozen keeps its statistics too: they would move the features that the rest learns from.
 *
 * @param patterns of `--freeze`: see `namePattern`
 * @throws UsageError for a pattern that means nothing, or when nothing is left to learn
 */
export function freeze(
  { name: model, parameters }: Pick<ImageModel, 'name' | 'parameters'>,
  patterns: readonly string[] = [],
): Frozen {
  const names = [...parameters.keys()];
  for (const pattern of patterns) {
    if (names.some(namePattern([pattern]))) continue;
    const modules = new Set(
      names.flatMap((name) => name.split('.').map((_, i, parts) => parts.slice(0, i + 1).join('.'))),
    );
    throw new UsageError(
      `--freeze ${pattern}: ${model} has no module or parameter of that name.${didYouMean(pattern, [...modules])}`,
    );
  }
  const frozen = namePattern(patterns);
  const trained = new Map([...parameters].filter(([name]) => !frozen(name)));
  if (trained.size === 0)
    throw new UsageError(`--freeze ${patterns.join(' ')}: nothing of ${model} is left to train.`);
  return { trained, batchNorms: patterns.length > 0 && ((path) => frozen(`${path}.weight`)) };
}
