import type { ClassifierOptions } from '../eval/load-classifier.js';
import type { EngineRequest } from '../runtime/engines/start.js';

export const BENCH_MODES = ['infer', 'train'] as const;
export type BenchMode = (typeof BENCH_MODES)[number];

/** One thing to measure: a model, what is done with it, on how many images at a time, by which engine. Plain JSON. */
export interface BenchSetting {
  /** Which model, with which weights; random ones must be asked for. */
  readonly classifier: ClassifierOptions;
  readonly mode: BenchMode;
  readonly batchSize: number;
  readonly compute: EngineRequest;
  /** Leave out our own operations for TensorFlow, where they are built. */
  readonly stockOperations?: boolean;
  /** Training only: the second head learns too, from classes that are given, as those of a stored teacher are. */
  readonly distil?: boolean;
}
