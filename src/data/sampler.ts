import { permutation, RandomStream } from './random.js';

/** Which samples an epoch visits, in which order. */
export interface EpochSampler {
  /** Samples of one epoch; the same in every epoch. */
  readonly length: number;
  /** Sample numbers in order, `length` of them: a function of the epoch alone. */
  indices(epoch: number): Int32Array;
}

/** Every sample once, in the order of the data set: for evaluation. */
export function sequentialSampler(length: number): EpochSampler {
  return { length, indices: () => Int32Array.from({ length }, (_, i) => i) };
}

/** Every sample once, in an order drawn from (seed, epoch): for training. */
export function shuffleSampler(length: number, seed: number): EpochSampler {
  return {
    length,
    indices: (epoch) => permutation(length, new RandomStream({ seed, epoch, index: 0 }, 'shuffle')),
  };
}
