import type { ImageModel } from '../models/image-model.js';
import type { EngineOptions } from '../runtime/engines/choose.js';
import { AdamW } from '../train/adamw.js';
import { ModelEma } from '../train/ema.js';
import { trainingGuard } from '../train/guarded-runner.js';
import { LossScale } from '../train/loss-scale.js';
import { openRunner } from '../train/open-runner.js';
import type { StepParts } from '../train/step.js';
import type { TrainBatch } from '../train/step-runner.js';
import { kindOf } from '../train/trace-step.js';
import type { Subject } from './subject.js';
import { smoothTargets, syntheticClasses, syntheticImages } from './synthetic-batch.js';

const LR = 1e-3;

/** The step of the reference's recipe, as `recnext train` runs it, on a batch that stays the same: AdamW, adaptive clipping, moving average. */
export function openTrainingStep(
  model: ImageModel,
  shape: TrainBatch['shape'],
  engine: EngineOptions,
  { distil = false, warn }: { readonly distil?: boolean; readonly warn?: (line: string) => void },
): Omit<Subject, 'facts'> {
  const parts: StepParts = {
    model,
    optimizer: new AdamW(model.parameters, { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.025 }),
    ema: new ModelEma(model, 0.9999),
    ...(engine.amp === 'float16' && { lossScale: new LossScale() }),
    clip: { mode: 'agc', factor: 0.02 },
    ...(distil && { distillation: { type: 'hard', alpha: 0.5, tau: 1 } }),
  };
  const runner = openRunner(parts, { warn }, engine);
  const classes = syntheticClasses(shape[0], model.numClasses);
  const batch: TrainBatch = {
    images: syntheticImages(shape),
    targets: smoothTargets(classes, model.numClasses),
    ...(distil && { teacher: classes }),
    shape,
    at: { seed: 0, epoch: 0, step: 0 },
  };
  return {
    run: () => runner.update([batch], LR),
    profile: () => runner.profile([batch], LR),
    shortage: () => trainingGuard(parts, {}, engine, () => kindOf(batch)).shortage(shape),
  };
}
