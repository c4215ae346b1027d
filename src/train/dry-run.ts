import type { LoadedBatch } from '../data/index.js';
import type { RunConfig } from './config.js';
import { mergeConfig, type ConfigLayer } from './load-config.js';
import { parseProgressive } from './progressive.js';
import { prepareRun, type PrepareHooks, type PreparedRun } from './prepare.js';
import type { RunHooks } from './run.js';
import { learningRate } from './schedule.js';
import type { TrainBatch } from './step-runner.js';
import { createTraining, type Training } from './training.js';

/** Updates that are done to measure; the first one, which compiles and warms up, is timed apart. */
const REAL_STEPS = 5;

/** What a run would be. Times in seconds, measured on real updates; memory in bytes. */
export interface DryRun {
  readonly config: RunConfig;
  readonly images: number;
  readonly validationImages: number;
  readonly parameters: number;
  readonly trainedParameters: number;
  readonly batchesPerEpoch: number;
  readonly updates: number;
  /** By epoch. */
  readonly learningRates: readonly number[];
  readonly firstStepSeconds: number;
  readonly secondsPerBatch: number;
  /** Of it, waiting for images. */
  readonly waitedPerBatch: number;
  readonly imagesPerSecond: number;
  readonly validationSeconds: number;
  readonly epochSeconds: number;
  readonly runSeconds: number;
  /** Weights, moments and averages. */
  readonly stateBytes: number;
  /** The most that the process had at any time. */
  readonly peakBytes: number;
}

/** Prepares a run, does a few updates of it, and says what the whole would be. Writes nothing. */
export async function dryRun(
  layers: readonly ConfigLayer[],
  hooks: PrepareHooks & Pick<RunHooks, 'warn'>,
): Promise<DryRun> {
  const config = mergeConfig(...layers);
  const prepared = await prepareRun(config, undefined, { ...hooks, dry: true });
  const training = createTraining({ ...prepared, config, engine: hooks.engine }, hooks.warn);
  try {
    return await measured(config, prepared, training);
  } finally {
    training.dispose();
    prepared.model.dispose();
    await prepared.teacher?.dispose();
  }
}

async function measured(config: RunConfig, prepared: PreparedRun, training: Training): Promise<DryRun> {
  const { model, train, val } = prepared;
  const globalBatchSize = config.batchSize * config.gradAccumSteps;
  const learningRates = Array.from({ length: config.epochs }, (_, epoch) =>
    learningRate({ ...config, globalBatchSize }, epoch),
  );
  const steps = await realSteps(config, prepared, training, learningRates[0]!);
  const validationSeconds = val ? await validationTime(prepared, training) : 0;

  const batches = train.steps;
  // Images of other sizes take time in proportion to their area.
  const sizes = parseProgressive(config);
  const area = (epoch: number) => sizes.findLast((entry) => entry.epoch <= epoch)!.size ** 2;
  const epochSeconds = (epoch: number) =>
    (batches * steps.perBatch * area(epoch)) / area(0) + validationSeconds;
  const sizeOf = (variables: Iterable<{ readonly size: number }>) =>
    [...variables].reduce((sum, { size }) => sum + size, 0);
  const { optimizer, ema } = training.state;
  const state = [model.parameters, model.buffers, optimizer.state()].map((map) => sizeOf(map.values()));
  return {
    config,
    images: train.samples,
    validationImages: val?.samples ?? 0,
    parameters: sizeOf(model.parameters.values()),
    trainedParameters: sizeOf(training.trained.values()),
    batchesPerEpoch: batches,
    updates: Math.ceil(batches / config.gradAccumSteps) * config.epochs,
    learningRates,
    firstStepSeconds: steps.first,
    secondsPerBatch: steps.perBatch,
    waitedPerBatch: steps.waited,
    imagesPerSecond: config.batchSize / steps.perBatch,
    validationSeconds,
    epochSeconds: epochSeconds(0),
    runSeconds: learningRates.reduce((sum, _, epoch) => sum + epochSeconds(epoch), 0),
    stateBytes: 4 * (state.reduce((sum, size) => sum + size, 0) + sizeOf(ema?.variables() ?? [])),
    // Kilobytes, on every platform.
    peakBytes: 1024 * process.resourceUsage().maxRSS,
  };
}

/** Real updates on the first images; shorter data gives fewer. */
async function realSteps(
  { seed, gradAccumSteps }: RunConfig,
  { train }: PreparedRun,
  { runner, toBatch }: Training,
  lr: number,
): Promise<{ first: number; perBatch: number; waited: number }> {
  const times: { total: number; waited: number }[] = [];
  const batches = train.epoch(0);
  let step = 0;
  try {
    while (times.length < REAL_STEPS) {
      const start = performance.now();
      const group: LoadedBatch[] = [];
      while (group.length < gradAccumSteps) {
        const next = await batches.next();
        if (next.done) break;
        group.push(next.value);
      }
      if (group.length === 0) break;
      const waited = performance.now() - start;
      const first = step;
      const made: TrainBatch[] = [];
      for (const [i, batch] of group.entries())
        made.push(await toBatch(batch, { seed, epoch: 0, step: first + i }));
      await runner.update(made, lr);
      group.forEach((batch) => batch.release?.());
      step += group.length;
      const count = 1000 * group.length;
      times.push({ total: (performance.now() - start) / count, waited: waited / count });
    }
  } finally {
    await batches.return();
  }
  const [first, ...rest] = times;
  const timed = rest.length > 0 ? rest : times;
  return {
    first: first!.total,
    perBatch: median(timed.map(({ total }) => total)),
    waited: median(timed.map(({ waited }) => waited)),
  };
}

/** Time of a whole validation, from two of its batches: the first one warms up. */
async function validationTime({ val }: PreparedRun, { runner, state }: Training): Promise<number> {
  const seconds: number[] = [];
  await runner.evaluating('raw', async (engine) => {
    const batches = val!.epoch(0);
    try {
      for (let i = 0; i < 2; i++) {
        const start = performance.now();
        const next = await batches.next();
        if (next.done) break;
        await engine.logits(next.value.images, next.value.shape);
        next.value.release?.();
        seconds.push((performance.now() - start) / 1000 / next.value.labels.length);
      }
    } finally {
      await batches.return();
    }
  });
  return seconds.at(-1)! * val!.samples * (state.ema ? 2 : 1);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
