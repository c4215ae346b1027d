import { isMixing } from '../data/mixing/index.js';
import type { RunConfig } from './config.js';

/** What a user may not expect of a run, a line each. */
export function runNotices(config: RunConfig, batchesOfEpoch: number): string[] {
  return [
    ...noDistillation(config),
    ...repairs(config),
    ...peakNotReached(config),
    ...slowAverage(config, batchesOfEpoch),
    ...smallPictures(config),
    ...lateStatistics(config),
    ...nothingLearnedYet(config),
  ];
}

function noDistillation({ distillationType }: RunConfig): string[] {
  return distillationType === 'none'
    ? ['no distillation: the reference distils (hard); give a teacher with --teacher-path to do so.']
    : [];
}

/** Where a run differs from one of the reference's script with the same options. */
function repairs({ compat, repeatedAug, modelEma, finetune }: RunConfig): string[] {
  if (compat === 'reference') return [];
  const differences = [
    ...(repeatedAug ? ['every epoch repeats another third of the images, cut to whole batches'] : []),
    ...(modelEma ? ['the moving average is scored and resumed'] : []),
    ...(finetune === undefined
      ? []
      : ['validation images are cropped, a classifier of other classes begins anew']),
  ];
  return differences.length === 0
    ? []
    : [
        `otherwise than in the reference's script (--compat reference for its own ways): ${differences.join('; ')}.`,
      ];
}

/** Epoch e runs at the rate of e - 1: the warm-up ends one epoch later than its name says. */
function peakNotReached({ epochs, warmupEpochs, lr }: RunConfig): string[] {
  return warmupEpochs > 0 && epochs < warmupEpochs + 2
    ? [
        `the learning rate ${lr} is never reached: after ${warmupEpochs} epochs of warm-up it is that of epoch ${warmupEpochs + 1}, ` +
          `and the run has ${epochs}. Lower --warmup-epochs or raise --epochs.`,
      ]
    : [];
}

/** An average over far more steps than the run has stays near the first, random weights. */
function slowAverage(
  { modelEma, modelEmaDecay, epochs, gradAccumSteps }: RunConfig,
  batchesOfEpoch: number,
): string[] {
  const horizon = 1 / (1 - modelEmaDecay);
  const updates = epochs * Math.ceil(batchesOfEpoch / gradAccumSteps);
  return modelEma && horizon > updates / 2
    ? [
        `the moving average (decay ${modelEmaDecay}) looks back over about ${Math.round(horizon)} updates, the run has ${updates}: lower --model-ema-decay.`,
      ]
    : [];
}

/** Options of the recipe that were found on photographs of 224 pixels. */
function smallPictures(config: RunConfig): string[] {
  const { inputSize, aa, reprob } = config;
  return inputSize <= 32 && (aa !== 'none' || reprob > 0 || isMixing(config))
    ? [
        `images of ${inputSize} pixels with the augmentation and mixing of the ImageNet recipe: --preset cpu-small goes without them.`,
      ]
    : [];
}

/** Every batch moves running statistics by a tenth: for dozens of steps they are those of the untrained network. */
function lateStatistics({ overfitBatches }: RunConfig): string[] {
  return overfitBatches === undefined
    ? []
    : [
        "--overfit-batches: the training top-1 shows first what is learned by heart; validation follows when the batch norms' running statistics have caught up.",
      ];
}

/** Options that keep what weights know, where they know nothing. */
function nothingLearnedYet({ finetune, freeze = [], setBnEval, layerDecay = 1 }: RunConfig): string[] {
  const given = [
    ...(freeze.length > 0 ? ['--freeze'] : []),
    ...(setBnEval ? ['--set-bn-eval'] : []),
    ...(layerDecay < 1 ? ['--layer-decay'] : []),
  ];
  return finetune === undefined && given.length > 0
    ? [
        `${given.join(' and ')} without --finetune: the weights begin at random. Give pretrained ones to keep.`,
      ]
    : [];
}
