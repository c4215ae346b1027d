import { evaluate, type Evaluation } from '../eval/evaluate.js';
import type { ImageModel } from '../models/image-model.js';
import type { CountsByClass } from './best-by-class.js';
import type { TrainingState } from './checkpoint.js';
import { countedBatches, type BestScore, type RunProgress } from './progress.js';
import type { TrainHooks, TrainParts } from './train.js';
import type { Training } from './training.js';

/** How well the model did on the validation images, with its own weights and with their moving average. */
export interface Scores {
  readonly raw?: Evaluation;
  readonly ema?: Evaluation;
}

/** Scores the model's own weights and their moving average, and counts by class on the way where that is wanted. */
export async function validate(
  { val, config }: Pick<TrainParts, 'val' | 'config'>,
  { ema, runner }: Pick<Training, 'ema' | 'runner'>,
  { onValidate, signal }: TrainHooks,
  counts?: CountsByClass,
): Promise<Scores> {
  if (val === undefined) return {};
  // The reference never looks at its average.
  const both = ema !== undefined && config.compat !== 'reference';
  const total = val.samples * (both ? 2 : 1);
  const score = (weights: 'raw' | 'ema', before: number) =>
    runner.evaluating(weights, (engine) =>
      evaluate(engine, val, {
        signal,
        onProgress: (images) => onValidate?.(before + images, total),
        onLogits: (logits, { labels, indices }) => counts?.[weights].add(logits, labels, indices),
      }),
    );
  const raw = await score('raw', 0);
  return both ? { raw, ema: await score('ema', val.samples) } : { raw };
}

/** Saves the weights whose top-1 is the best so far. */
export async function keepBest(
  { folder, weightFiles }: TrainParts,
  { model, ema, progress }: TrainingState,
  scores: Scores,
): Promise<void> {
  for (const kind of ['raw', 'ema'] as const) {
    const score = scores[kind];
    if (score === undefined || !isBetter(score, progress.best[kind])) continue;
    progress.best[kind] = { epoch: progress.epoch, top1: score.top1, loss: score.loss };
    const write = () => folder.saveBest(kind, model.stateDict(), weightFiles);
    await (kind === 'ema' ? ema!.withAverage(write) : write());
  }
}

/** Of equal top-1, which a small validation set gives often, the lower loss is better. */
export function isBetter(
  { top1, loss = Infinity }: Pick<BestScore, 'top1' | 'loss'>,
  best: BestScore | undefined,
): boolean {
  if (best === undefined) return true;
  return top1 > best.top1 || (top1 === best.top1 && loss < (best.loss ?? -Infinity));
}

/** A line of log.txt: the reference's fields, top-1 in training, and the moving average's. */
export function logLine(
  epoch: number,
  lr: number,
  progress: RunProgress,
  { raw, ema }: Scores,
  model: ImageModel,
): Record<string, number> {
  let parameters = 0;
  for (const variable of model.parameters.values()) parameters += variable.size;
  const batches = countedBatches(progress);
  const { lossSum, top1Sum, teacherTop1Sum } = progress;
  return {
    train_lr: lr,
    train_loss: lossSum / batches,
    train_acc1: (100 * top1Sum) / batches,
    ...(teacherTop1Sum > 0 && { train_teacher_acc1: (100 * teacherTop1Sum) / batches }),
    ...(raw && { test_loss: raw.loss, test_acc1: raw.top1, test_acc5: raw.top5 }),
    ...(ema && { test_ema_loss: ema.loss, test_ema_acc1: ema.top1, test_ema_acc5: ema.top5 }),
    epoch,
    n_parameters: parameters,
  };
}
