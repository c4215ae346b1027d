import { setImmediate } from 'node:timers/promises';
import type { LoadedBatch } from '../data/index.js';
import { loadCheckpoint } from './checkpoint.js';
import { lossError, nameList } from './loss-error.js';
import { countedBatches } from './progress.js';
import { learningRate } from './schedule.js';
import type { BatchResult } from './step-runner.js';
import type { TrainHooks, TrainParts } from './train.js';
import type { Training } from './training.js';

export interface StepInfo {
  readonly epoch: number;
  /** Batches done of the epoch. */
  readonly step: number;
  readonly steps: number;
  /** Mean over the batches of the update. */
  readonly loss: number;
  /** Share of the update's images that the model got right, of 1. */
  readonly top1: number;
  readonly lr: number;
  readonly images: number;
}

/** How an epoch ended: all of it is done, the signal came, or it has to be done again from an earlier checkpoint. */
export type EpochEnd =
  { readonly kind: 'done' | 'stopped'; readonly lr: number } | { readonly kind: 'rolled back' };

/** A run that goes back more often has another problem than a bad batch. */
const MAX_ROLLBACKS = 3;
/** So many batches without a loss one after the other are no accident. */
const MAX_SKIPPED_IN_A_ROW = 10;

/** Trains the epoch that `progress` stands in, from its next batch on. */
export async function runEpoch(
  { config, train: source, folder }: TrainParts,
  training: Training,
  save: () => Promise<string>,
  { onStep, signal, warn = () => undefined }: TrainHooks,
): Promise<EpochEnd> {
  const { state, runner, toBatch, watch } = training;
  const { progress, optimizer } = state;
  const { epoch } = progress;
  const { seed, gradAccumSteps, saveSteps = Infinity } = config;
  const lr = learningRate({ ...config, globalBatchSize: config.batchSize * gradAccumSteps }, epoch);
  let refused: Error | undefined;

  for await (const group of watch.timed(inGroups(source.epoch(epoch, progress.step), gradAccumSteps))) {
    const first = progress.step;
    const isSkipped = (i: number) => progress.skipped.some(([e, s]) => e === epoch && s === first + i);
    const used = group.filter((_, i) => !isSkipped(i));
    const results =
      used.length === 0
        ? []
        : await runner.update(
            await inOrder(used, (batch) =>
              toBatch(batch, { seed, epoch, step: first + group.indexOf(batch) }),
            ),
            lr,
          );
    const bad = used.filter((_, i) => !Number.isFinite(results[i]!.loss));
    if (bad.length > 0) {
      const steps = bad.map((batch) => first + group.indexOf(batch));
      const { loss } = results[used.indexOf(bad[0]!)]!;
      const error = lossError(loss, bad[0]!, folder, { epoch, step: steps[0]! });
      if (config.onNan === 'rollback') {
        await rollBack(steps, error);
        return { kind: 'rolled back' };
      }
      if (config.onNan === 'stop' || ++training.skippedInARow > MAX_SKIPPED_IN_A_ROW) throw error;
      refused = error;
      // The whole update is left out: without one of its batches it would be another one.
      group.forEach((_, i) => !isSkipped(i) && progress.skipped.push([epoch, first + i]));
      warn(
        `epoch ${epoch}, step ${steps[0]!}: the loss is not a number; skipped ${nameList(bad[0]!.names)}.`,
      );
    } else {
      training.skippedInARow = 0;
      for (const { loss, top1, teacherTop1 = 0 } of results) {
        progress.lossSum += loss;
        progress.top1Sum += top1;
        progress.teacherTop1Sum += teacherTop1;
      }
    }
    progress.step += group.length;
    progress.updates = optimizer.steps;
    watch.labels(group);
    for (const batch of group) batch.release?.();
    if (bad.length === 0 && results.length > 0)
      onStep?.({
        ...means(results),
        epoch,
        step: progress.step,
        steps: source.steps,
        lr,
        images: sizeOf(used),
      });
    // Native backends compute without giving way: let signals and decoding workers through.
    await setImmediate();
    if (signal?.aborted) return { kind: 'stopped', lr };
    if (progress.step % saveSteps < group.length && progress.step < source.steps) await save();
  }
  // Every batch was left out: there is no loss to log, and the next epoch would be no better.
  if (refused && countedBatches(progress) === 0) throw refused;
  return { kind: 'done', lr };

  /** Goes back to the last checkpoint, from where the run will go on without the given batches. */
  async function rollBack(steps: readonly number[], error: Error): Promise<void> {
    const checkpoint = folder.lastCheckpoint();
    const rollbacks = progress.rollbacks + 1;
    if (checkpoint === undefined || rollbacks > MAX_ROLLBACKS) throw error;
    const skipped = [...progress.skipped, ...steps.map((step): [number, number] => [epoch, step])];
    await loadCheckpoint(checkpoint, state);
    runner.reload();
    Object.assign(progress, { skipped, rollbacks });
    await folder.trimLog(progress.epoch);
    warn(`${error.message} Going on from it without these samples (${rollbacks} of ${MAX_ROLLBACKS} times).`);
  }
}

/** `make` of each, one after the other: each may take all of the processor. */
async function inOrder<T, R>(items: readonly T[], make: (item: T) => Promise<R>): Promise<R[]> {
  const made: R[] = [];
  for (const item of items) made.push(await make(item));
  return made;
}

/** Batches by `size`, the last group may be smaller. */
async function* inGroups(
  batches: AsyncIterable<LoadedBatch>,
  size: number,
): AsyncGenerator<LoadedBatch[], void, undefined> {
  let group: LoadedBatch[] = [];
  for await (const batch of batches) {
    group.push(batch);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

function means(results: readonly BatchResult[]): { loss: number; top1: number } {
  const mean = (of: (result: BatchResult) => number) =>
    results.reduce((sum, result) => sum + of(result), 0) / results.length;
  return { loss: mean(({ loss }) => loss), top1: mean(({ top1 }) => top1) };
}

function sizeOf(batches: readonly LoadedBatch[]): number {
  return batches.reduce((sum, { labels }) => sum + labels.length, 0);
}
