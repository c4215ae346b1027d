export interface ScheduleOptions {
  readonly epochs: number;
  /** As given on the command line, before scaling. */
  readonly lr: number;
  readonly warmupLr: number;
  readonly minLr: number;
  readonly warmupEpochs: number;
  /** Samples of one step over all processes. */
  readonly globalBatchSize: number;
}

/** Batch for which `--lr` holds as it is. */
const REFERENCE_BATCH = 512;

/** The reference's linear scaling: lr × batch × processes / 512. `warmupLr` and `minLr` are not scaled. */
export function scaledLearningRate({ lr, globalBatchSize }: ScheduleOptions): number {
  return (lr * globalBatchSize) / REFERENCE_BATCH;
}

/**
 * The learning rate used in `epoch` (0-based): cosine with linear warm-up, set once an epoch, as the reference's training script does with
 * timm's CosineLRScheduler. It steps the scheduler after an epoch with that epoch's own index, so epoch e runs at s(e - 1) and epochs 0 and 1
 * both run at s(0). The warm-up is not subtracted from the time of the cosine.
 */
export function learningRate(options: ScheduleOptions, epoch: number): number {
  const { epochs, warmupLr, minLr, warmupEpochs } = options;
  const base = scaledLearningRate(options);
  const t = Math.max(epoch - 1, 0);
  if (t < warmupEpochs) return warmupLr + (t * (base - warmupLr)) / warmupEpochs;
  return minLr + ((base - minLr) * (1 + Math.cos((Math.PI * t) / epochs))) / 2;
}
