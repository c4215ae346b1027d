/** Decoded, transformed, normalised images of one step. */
export interface Batch {
  /** `[size, height, width, channels]`, row-major. */
  readonly images: Float32Array;
  readonly shape: readonly [size: number, height: number, width: number, channels: number];
  readonly labels: Int32Array;
  /** Where each image came from, to name it in messages. */
  readonly names: readonly string[];
}

/** What the training and evaluation loops need of a data set with its transforms. */
export interface BatchSource {
  /** Images of one epoch. */
  readonly samples: number;
  /** Batches of one epoch. */
  readonly steps: number;
  /**
   * The batches of `epoch` from `firstStep` on. What is drawn depends on (seed, epoch, sample) alone, so a restart inside an epoch
   * gives the same batches.
   */
  epoch(epoch: number, firstStep?: number): AsyncIterable<Batch>;
}
