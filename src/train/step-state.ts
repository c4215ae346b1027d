import type * as tf from '@tensorflow/tfjs';
import type { StepParts } from './step.js';

/** Of which state it is that a step changes even where it leaves nothing else behind: its loss scale, and sums of gradients, which start anew. */
export function isUnguarded(name: string): boolean {
  return name.startsWith('loss_scale/') || name.startsWith('gradient/');
}

/** Everything that a step reads or changes, by a name of its own: what a compiled step keeps in its session. */
export function stepState({
  model,
  optimizer,
  ema,
  gradientSum,
  lossScale,
}: StepParts): Map<string, tf.Variable> {
  const state = new Map([...model.parameters, ...model.buffers]);
  const add = (group: string, variables: Iterable<readonly [string | number, tf.Variable]>): void => {
    for (const [name, variable] of variables) state.set(`${group}/${name}`, variable);
  };
  add('optimizer', optimizer.state());
  add('average', ema?.variables().entries() ?? []);
  add('gradient', gradientSum ? [...gradientSum.variables()].entries() : []);
  add('loss_scale', lossScale?.variables() ?? []);
  return state;
}
