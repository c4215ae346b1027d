import type { LoadedBatch } from '../data/index.js';
import { GradientSum } from './accumulate.js';
import type { TrainingState } from './checkpoint.js';
import { createOptimizer } from './create-optimizer.js';
import { ModelEma } from './ema.js';
import { freeze } from './freeze.js';
import { LossScale } from './loss-scale.js';
import { startOfRun } from './progress.js';
import type { StepParts } from './step.js';
import { openRunner } from './open-runner.js';
import type { StepAddress } from './random.js';
import type { StepRunner, TrainBatch } from './step-runner.js';
import { batchMaker } from './train-batch.js';
import type { TrainHooks, TrainParts } from './train.js';
import { RunWatch } from './warnings.js';

/** What a training is made of: a run without its folder. */
export type TrainingParts = Pick<
  TrainParts,
  'config' | 'model' | 'teacher' | 'train' | 'classWeights' | 'dataDigest' | 'engine'
>;

/** The moving parts of a run, made from its configuration. */
export interface Training {
  readonly state: TrainingState;
  readonly ema?: ModelEma;
  readonly runner: StepRunner;
  /** Parameters that learn. */
  readonly trained: NonNullable<StepParts['trained']>;
  /** From a loaded batch to what the runner takes. */
  readonly toBatch: (batch: LoadedBatch, at: StepAddress) => Promise<TrainBatch>;
  readonly watch: RunWatch;
  /** Batches left out since the last one with a loss. */
  skippedInARow: number;
  dispose(): void;
}

export function createTraining(parts: TrainingParts, warn: TrainHooks['warn'] = () => undefined): Training {
  const { config, model, teacher, train, classWeights } = parts;
  const { trained, batchNorms } = freeze(model, config.freeze);
  const optimizer = createOptimizer(config, trained);
  const ema = config.modelEma ? new ModelEma(model, config.modelEmaDecay) : undefined;
  const lossScale = parts.engine?.amp === 'float16' ? new LossScale() : undefined;
  const gradientSum = config.gradAccumSteps > 1 ? new GradientSum(trained) : undefined;
  const stepParts: StepParts = {
    model,
    optimizer,
    trained,
    gradientSum,
    ema,
    lossScale,
    clip: config.clipGrad > 0 ? { mode: config.clipMode, factor: config.clipGrad } : undefined,
    distillation: distillationOf(config),
  };
  const runner = openRunner(
    stepParts,
    { freezeBatchNorm: config.setBnEval || batchNorms, undo: config.onNan === 'skip', warn },
    parts.engine,
  );
  const mix = batchMaker({ ...config, numClasses: model.numClasses, classWeights });
  return {
    state: {
      model,
      ema,
      optimizer,
      lossScale,
      progress: startOfRun(),
      data: { samples: train.samples, batchSize: config.batchSize, digest: parts.dataDigest },
    },
    ema,
    runner,
    trained,
    async toBatch(batch, at) {
      const mixed = mix(batch, at);
      return stepParts.distillation && teacher ? { ...mixed, teacher: await teacher.of(mixed) } : mixed;
    },
    watch: new RunWatch(warn),
    skippedInARow: 0,
    dispose() {
      runner.dispose();
      optimizer.dispose();
      ema?.dispose();
      lossScale?.dispose();
      gradientSum?.dispose();
    },
  };
}

function distillationOf(config: TrainParts['config']): StepParts['distillation'] {
  const { distillationType: type = 'none', distillationAlpha: alpha, distillationTau: tau } = config;
  return type === 'none' ? undefined : { type, alpha, tau };
}
