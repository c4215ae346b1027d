import type { SampleAddress } from '../random.js';
import type { RgbImage } from '../rgb-image.js';
import type { TransformDescription } from '../transform-description.js';

/** Samples that a worker has begun at a time: with two decoded by sharp, a third is transformed, and no processor waits. */
export const AT_A_TIME = 3;

/** What the main thread tells a worker. */
export type ToWorker =
  | { readonly kind: 'transform'; readonly id: number; readonly description: TransformDescription }
  /** Samples of this batch will come; `left` becomes 1 when nobody wants them any more. */
  | { readonly kind: 'batch'; readonly id: number; readonly images: Float32Array; readonly left: Int32Array }
  /** The batch is whole: its memory is let go. */
  | { readonly kind: 'end'; readonly id: number }
  | ({ readonly kind: 'sample'; readonly id: number } & SampleTask);

/** One sample to be written into its batch. */
export interface SampleTask {
  readonly batch: number;
  /** Where in the batch, in values. */
  readonly offset: number;
  readonly transform: number;
  readonly address: SampleAddress;
  /** What the sample is called in messages. */
  readonly name: string;
  /** Its file, or its pixels where they are known already. */
  readonly source: Uint8Array | RgbImage;
  /** Hand back the decoded pixels, for the next time. */
  readonly keep: boolean;
}

/** What became of a sample. */
export type FromWorker = { readonly id: number } & (
  | { readonly kind: 'done'; readonly pixels?: RgbImage }
  /** A file that is no good: a `UserError` of this message. */
  | { readonly kind: 'refused'; readonly message: string }
  /** Something else is wrong. */
  | { readonly kind: 'failed'; readonly stack: string }
  | { readonly kind: 'left' }
);
