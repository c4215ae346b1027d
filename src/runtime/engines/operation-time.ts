/** When one operation of a run ran, whatever engine ran it. */
export interface OperationTime {
  /** As the engine calls it: `Conv2D`, `_FusedMatMul`, `Gelu`. */
  readonly operation: string;
  /** Module it computes for, as the checkpoint names it (`stages.0.blocks.1.token_mixer`); empty outside of any. */
  readonly layer: string;
  readonly thread: number;
  /** Since the run's start, microseconds. */
  readonly start: number;
  /** Microseconds, without the operations it called. */
  readonly duration: number;
}
