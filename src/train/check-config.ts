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
    distillationType: typeOf(config),
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
  const { teacherModel, teacherPath, teacherCache, teacherCacheCheck, teacherTopk } = config;
  const kind = typeOf(config);
  givenNormalisation(config, { mean: [], std: [] });
  if (teacherModel !== undefined && teacherModel !== 'auto' && teacherPath === undefined)
    throw new UsageError(`The teacher ${teacherModel} needs its weights: give them with --teacher-path.`);
  if (teacherPath === undefined && teacherCache === undefined && kind !== 'none')
    throw new UsageError(
      `--distillation-type ${kind} needs a teacher: give its weights with --teacher-path.`,
    );
  if (teacherCacheCheck > 0 && (teacherPath === undefined || teacherCache === undefined))
    throw new UsageError(
      `--teacher-cache-check ${teacherCacheCheck} compares a cache with its teacher: give ${teacherCache === undefined ? '--teacher-cache' : '--teacher-path'} as well.`,
    );
  if (teacherTopk !== undefined && kind !== 'soft')
    throw new UsageError(`--teacher-topk ${teacherTopk} is for --distillation-type soft, found ${kind}.`);
}

/** Without a word of it a run distils as the reference does, if there is something to distil from. */
function typeOf({
  distillationType,
  teacherPath,
  teacherCache,
}: RunConfig): NonNullable<RunConfig['distillationType']> {
  return distillationType ?? ((teacherPath ?? teacherCache) === undefined ? 'none' : 'hard');
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
