/** Where a run stands: what a checkpoint holds besides tensors. Plain JSON; numbers survive it exactly. */
export interface RunProgress {
  /** Epochs done, validation included. */
  epoch: number;
  /** Batches done of the next one. */
  step: number;
  /** Sum of the losses of these batches, of those that have one. */
  lossSum: number;
  /** Sums of the shares of images the model, and its teacher, got right in these batches. */
  top1Sum: number;
  teacherTop1Sum: number;
  /** Updates of the optimizer since the start of the run. */
  updates: number;
  /** Best validation so far, of the model's own weights and of their moving average. */
  best: { raw?: BestScore; ema?: BestScore };
  /** Batches left out because their loss was not a number, `[epoch, step]`. */
  skipped: [epoch: number, step: number][];
  /** Times the run went back to a checkpoint. */
  rollbacks: number;
}

export interface BestScore {
  /** 0-based, as in log.txt. */
  epoch: number;
  /** Percent. */
  top1: number;
  /** Missing in checkpoints of the first version. */
  loss?: number;
}

export function startOfRun(): RunProgress {
  return { ...startOfEpoch(0), updates: 0, best: {}, skipped: [], rollbacks: 0 };
}

/** The fields that begin anew with an epoch. */
export function startOfEpoch(
  epoch: number,
): Pick<RunProgress, 'epoch' | 'step' | 'lossSum' | 'top1Sum' | 'teacherTop1Sum'> {
  return { epoch, step: 0, lossSum: 0, top1Sum: 0, teacherTop1Sum: 0 };
}

/** Batches of the running epoch that count for its means. */
export function countedBatches({ epoch, step, skipped }: RunProgress): number {
  return step - skipped.filter(([e, s]) => e === epoch && s < step).length;
}

/** Epochs since the best validation of either set of weights, or undefined where nothing was validated. */
export function epochsWithoutBetter({ epoch, best }: RunProgress): number | undefined {
  const bests = [best.raw, best.ema].filter((score) => score !== undefined);
  return bests.length === 0 ? undefined : epoch - 1 - Math.max(...bests.map((score) => score.epoch));
}
