import { isMixing } from '../data/mixing/index.js';
import { UsageError } from '../errors.js';
import type { RunConfig } from './config.js';
import { DEFAULT_BETAS } from './default-betas.js';
import { givenNormalisation } from './teacher/normalisation.js';
import { parseProgressive } from './progressive.js';

/** Checks options against each other, and fills in those whose default depends on others. Throws UsageError naming the options. */
export function checkTogether(config: RunConfig): RunConfig {
  checkEpochs(config);
  checkTeacher(config);
  checkBatches(config);
  parseProgressive(config);
  return {
    ...config,
    distillationType: config.distillationType ?? (config.teacherPath === undefined ? 'none' : 'hard'),
    optBetas: config.optBetas ?? DEFAULT_BETAS[config.opt],
  };
}

function checkEpochs({ epochs, warmupEpochs }: RunConfig): void {
  if (warmupEpochs > 0 && warmupEpochs >= epochs)
    throw new UsageError(
      `A warm-up of ${warmupEpochs} epochs leaves nothing of a run of ${epochs}: lower --warmup-epochs or raise --epochs.`,
    );
}

function checkTeacher(config: RunConfig): void {
  const { teacherModel, teacherPath, distillationType = 'none' } = config;
  givenNormalisation(config, { mean: [], std: [] });
  if (teacherModel !== undefined && teacherPath === undefined)
    throw new UsageError(`The teacher ${teacherModel} needs its weights: give them with --teacher-path.`);
  if (teacherPath === undefined && distillationType !== 'none')
    throw new UsageError(
      `--distillation-type ${distillationType} needs a teacher: give its weights with --teacher-path.`,
    );
}

function checkBatches(config: RunConfig): void {
  const { batchSize, cutmixMinmax } = config;
  if (isMixing(config) && batchSize % 2 !== 0)
    throw new UsageError(
      `Mixup and CutMix mix images in pairs: --batch-size ${batchSize} is odd. Choose an even one, or --mixup 0 --cutmix 0.`,
    );
  if (cutmixMinmax && cutmixMinmax[0] >= cutmixMinmax[1])
    throw new UsageError(
      `--cutmix-minmax: expected the smaller share first, found ${cutmixMinmax.join(' ')}.`,
    );
}
