import { createLoader, type Dataset, type ImageTransform, type Loader } from '../data/index.js';
import { UserError } from '../errors.js';
import type { RunConfig } from './config.js';

/**
 * The first batches of the data, the same and unaugmented in every epoch, to train on and to score: a model and a recipe that work learn them by heart.
 */
export function firstBatches(
  { batchSize, overfitBatches = 1 }: Pick<RunConfig, 'batchSize' | 'overfitBatches'>,
  data: Dataset,
  transform: ImageTransform,
): { train: Loader; val: Loader } {
  const length = batchSize * overfitBatches;
  if (length > data.length)
    throw new UserError(
      `--overfit-batches ${overfitBatches}: ${length} images are needed, ${data.source} has ${data.length}.`,
    );
  // Spread over the data: sets are often sorted by class.
  const indices = Int32Array.from({ length }, (_, i) => Math.floor((i * data.length) / length));
  const loader = createLoader(data, {
    batchSize,
    transform,
    sampler: { length, order: () => ({ indices }) },
    dropLast: true,
  });
  return { train: loader, val: loader };
}
