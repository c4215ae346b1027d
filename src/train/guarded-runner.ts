import * as tf from '@tensorflow/tfjs';
import type { LowerOptions } from '../graph/tensorflow/lower/index.js';
import type { EngineOptions } from '../runtime/engines/choose.js';
import { guarded } from '../runtime/engines/guarded.js';
import { MemoryGuard } from '../runtime/engines/memory-guard.js';
import type { Optimizer } from './optimizer.js';
import type { StepParts } from './step.js';
import type { RunnerOptions, StepRunner, TrainBatch } from './step-runner.js';
import { kindOf, traceStep, type BatchKind } from './trace-step.js';

/** A runner that warns of a batch that memory will probably not be enough for, and says which batch would fit where one did not. */
export function guardedRunner(
  runner: StepRunner,
  parts: StepParts,
  options: RunnerOptions & LowerOptions,
  { engine, device }: EngineOptions,
): StepRunner {
  let kind: BatchKind;
  const guard = trainingGuard(parts, options, { engine, device }, (shape) => ({ ...kind, shape }));
  const guardStep = <T>(batches: readonly TrainBatch[], step: () => Promise<T>): Promise<T> => {
    kind = kindOf(batches[0]!);
    return guard.run(kind.shape, step);
  };
  return {
    update: (batches, lr) => guardStep(batches, () => runner.update(batches, lr)),
    profile: (batches, lr) => guardStep(batches, () => runner.profile(batches, lr)),
    evaluating: (weights, body) =>
      runner.evaluating(weights, (inner) =>
        body(guarded(inner, parts.model, { device, warn: options.warn })),
      ),
    sync: () => runner.sync(),
    reload: () => runner.reload(),
    dispose: () => runner.dispose(),
  };
}

/**
 * Watches over the memory of training steps on an engine.
 *
 * @param kind of a batch of that shape
 */
export function trainingGuard(
  parts: StepParts,
  options: RunnerOptions & LowerOptions,
  { engine, device }: EngineOptions,
  kind: (shape: BatchKind['shape']) => BatchKind,
): MemoryGuard {
  return new MemoryGuard({
    engine,
    device,
    purpose: 'training',
    warn: options.warn,
    graphOf: (shape) => traceStep(parts, kind(shape), scalarNames(parts.optimizer), options).step,
  });
}

function scalarNames(optimizer: Optimizer): string[] {
  const { steps } = optimizer;
  const scalars = optimizer.nextScalars(0);
  optimizer.steps = steps;
  tf.dispose({ ...scalars });
  return Object.keys(scalars);
}
