import { createMixing, type MixingConfig } from '../data/mixing/index.js';
import type { LoadedBatch } from '../data/index.js';
import type { StepAddress } from './random.js';
import type { TrainBatch } from './step-runner.js';

/** What makes the targets of a batch. */
export interface BatchOptions extends MixingConfig {
  /** Factor of each class in the loss. Default: 1. */
  readonly classWeights?: Float32Array;
}

/**
 * From a loaded batch to what the step takes: mixed with itself, with soft targets. Class weights go into the targets, as in PyTorch's
 * `CrossEntropyLoss(weight=…)` with probabilities: the loss is the mean of -sum(w t log p).
 */
export function batchMaker({
  classWeights,
  ...mixing
}: BatchOptions): (batch: LoadedBatch, at: StepAddress) => TrainBatch {
  const mix = createMixing(mixing);
  return (batch, at) => {
    const targets = mix(batch, at);
    if (classWeights)
      for (let i = 0; i < targets.length; i++) targets[i]! *= classWeights[i % classWeights.length]!;
    return { images: batch.images, shape: batch.shape, targets, at };
  };
}
