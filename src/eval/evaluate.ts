import { setImmediate } from 'node:timers/promises';
import type { LoadedBatch, Loader } from '../data/index.js';
import type { InferenceEngine } from '../runtime/engines/engine.js';
import { MetricsSum, type Metrics } from './metrics.js';

export interface Evaluation extends Metrics {
  /** From the first request for a batch to the last metric, decoding included. */
  readonly seconds: number;
  /** Of these, in the model. */
  readonly computeSeconds: number;
}

export interface EvaluateOptions {
  /** Called after every batch with the images done so far. */
  readonly onProgress?: (images: number) => void;
  /** Told the logits of every batch, `[images, classes]`. */
  readonly onLogits?: (logits: Float32Array, batch: LoadedBatch) => void;
  /** Stops between two batches by throwing the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Scores a model in evaluation mode on every image of the source once; a smaller last batch counts as what it is. */
export async function evaluate(
  engine: InferenceEngine,
  source: Loader,
  { onProgress, onLogits, signal }: EvaluateOptions = {},
): Promise<Evaluation> {
  const metrics = new MetricsSum(engine.numClasses);
  const start = performance.now();
  let computeTime = 0;
  let images = 0;
  for await (const batch of source.epoch(0)) {
    const computeStart = performance.now();
    const values = await engine.logits(batch.images, batch.shape);
    computeTime += performance.now() - computeStart;
    metrics.add(values, batch.labels);
    onLogits?.(values, batch);
    images += batch.labels.length;
    batch.release?.();
    onProgress?.(images);
    // Native backends compute without giving way: let signals and decoding workers through.
    await setImmediate();
    signal?.throwIfAborted();
  }
  return {
    ...metrics.result(),
    seconds: (performance.now() - start) / 1000,
    computeSeconds: computeTime / 1000,
  };
}
