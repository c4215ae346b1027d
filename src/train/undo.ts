import type * as tf from '@tensorflow/tfjs';
import type { StepParts } from './step.js';

/** What an update changes, as it was: to go back to when the update should not have been. */
export interface Memory {
  restore(): void;
  dispose(): void;
}

/**
 * Remembers the state that an update changes. Copies nothing: TF.js variables get new tensors on assignment, and the old ones live as long as a
 * clone does. So an update costs the memory of the old state until it is forgotten.
 */
export function remember({ model, optimizer, ema, gradientSum }: StepParts): Memory {
  const variables = [
    ...model.parameters.values(),
    ...model.buffers.values(),
    ...optimizer.state().values(),
    ...(ema?.variables() ?? []),
    ...(gradientSum?.variables() ?? []),
  ];
  const { steps } = optimizer;
  const { trackedBatches } = model;
  const clones = variables.map((variable): tf.Tensor => variable.clone());
  return {
    restore() {
      variables.forEach((variable, i) => variable.assign(clones[i]!));
      optimizer.steps = steps;
      model.trackedBatches = trackedBatches;
    },
    dispose() {
      clones.forEach((clone) => clone.dispose());
    },
  };
}
