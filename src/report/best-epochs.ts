import type { EpochLine } from './run-record.js';

export interface BestEpoch {
  /** Counted from 1, as the progress of training counts. */
  readonly epoch: number;
  /** Percent. */
  readonly top1: number;
}

/** The best epoch of a run and its last one, by top-1. */
export interface BestAndLast {
  readonly best: BestEpoch;
  readonly last: BestEpoch;
}

/**
 * The maximum over epochs is what papers publish, the last epoch what a run ends with: a report shows both.
 *
 * @param field whose: of the model's own weights, or of their moving average
 * @returns undefined where the run has no such scores
 */
export function bestAndLast(
  epochs: readonly EpochLine[],
  field: 'test_acc1' | 'test_ema_acc1',
): BestAndLast | undefined {
  const scores = epochs.flatMap((line) => {
    const top1 = line[field];
    return top1 === undefined ? [] : [{ epoch: line.epoch + 1, top1 }];
  });
  const last = scores.at(-1);
  if (last === undefined) return undefined;
  return { best: scores.reduce((a, b) => (b.top1 > a.top1 ? b : a)), last };
}
