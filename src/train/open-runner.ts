import type { EngineOptions } from '../runtime/engines/choose.js';
import { tensorFlowOptions, trainingOptions } from '../runtime/engines/session-options.js';
import { CompiledRunner } from './compiled-runner.js';
import { guardedRunner } from './guarded-runner.js';
import type { StepParts } from './step.js';
import { eagerRunner, type RunnerOptions, type StepRunner } from './step-runner.js';

/** The runner of an engine; without one TF.js runs the step itself. */
export function openRunner(
  parts: StepParts,
  options: RunnerOptions,
  engine: EngineOptions = { engine: 'eager' },
): StepRunner {
  const session = trainingOptions(engine);
  const runner =
    engine.engine === 'tensorflow'
      ? new CompiledRunner(parts, { ...options, session, evaluation: tensorFlowOptions(engine) })
      : eagerRunner(parts, options);
  return guardedRunner(runner, parts, { ...session, ...options }, engine);
}
