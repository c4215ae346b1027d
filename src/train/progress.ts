/** Where a run stands: what a checkpoint holds besides tensors. Plain JSON; numbers survive it exactly. */
export interface RunProgress {
  /** Epochs done, validation included. */
  epoch: number;
  /** Steps done of the next one. */
  step: number;
  /** Sum of the losses of these steps. */
  lossSum: number;
  /** Updates of the optimizer since the start of the run. */
  updates: number;
  /** Best validation so far, of the model's own weights and of their moving average. */
  best: { raw?: BestScore; ema?: BestScore };
}

export interface BestScore {
  /** 0-based, as in log.txt. */
  epoch: number;
  /** Percent. */
  top1: number;
}

export function startOfRun(): RunProgress {
  return { epoch: 0, step: 0, lossSum: 0, updates: 0, best: {} };
}
