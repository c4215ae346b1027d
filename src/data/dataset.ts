import type { RgbImage } from './rgb-image.js';

/** Part of a data set that is kept apart: what is trained on, and what is scored. */
export type Split = 'train' | 'val';

/**
 * Encoded pictures with their labels, read by number. A source knows its samples when it is opened; their bytes are read when asked for,
 * many at a time.
 */
export interface Dataset {
  /** What was opened, for messages. */
  readonly source: string;
  /** Which split was chosen; undefined where the source isn't divided into splits. */
  readonly split: Split | undefined;
  readonly length: number;
  /** Names of the classes by label, where the source has them. */
  readonly classes: readonly string[] | undefined;
  readonly numClasses: number;
  /** Class of sample `index`, 0 … numClasses - 1. */
  label(index: number): number;
  /** What sample `index` is called in messages: its file, or `shard.tar!key`. */
  name(index: number): string;
  /**
   * The encoded picture of sample `index`.
   * @throws UserError naming the sample when it can't be read.
   */
  read(index: number): Promise<Uint8Array>;
  /** The pixels of sample `index`, where the source has pixels and nothing encoded. */
  pixels?(index: number): Promise<RgbImage>;
}

/** Endings of the files that count as pictures, without the dot, in lower case. */
export const IMAGE_EXTENSIONS: ReadonlySet<string> = new Set(['jpg', 'jpeg', 'png', 'webp']);
