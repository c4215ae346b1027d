import * as tf from '@tensorflow/tfjs';
import type { ParameterSettings } from './param-groups.js';

/** The numbers of one update by name. Tensors, so that a traced step can take them as inputs. */
export type OptimizerScalars = Readonly<Record<string, tf.Scalar>>;

/** What moves the weights. `update` is TF.js operations only and changes variables through `assign`, so that a step can be traced. */
export interface Optimizer {
  /** Updates done so far. */
  steps: number;
  /** Counts one update and gives its numbers, worked out in double precision on the host; the caller disposes of them. */
  nextScalars(lr: number): OptimizerScalars;
  /**
   * Updates every parameter from its gradient (same names, same layout); one without a gradient stays as it is, as in PyTorch.
   *
   * @param scalars of `nextScalars`, for this update
   */
  update(gradients: tf.NamedTensorMap, scalars: OptimizerScalars): void;
  /**
   * The optimizer's own variables, not copies, as `NAME-IN-PYTORCH.PARAMETER` in TF.js layout (`exp_avg.stem.weight`). With `steps`
   * they are its whole state.
   */
  state(): Map<string, tf.Variable>;
  dispose(): void;
}

/** A parameter with what an optimizer keeps of it. */
export interface Slot<K extends string> {
  readonly parameter: tf.Variable;
  readonly settings: ParameterSettings;
  readonly state: Readonly<Record<K, tf.Variable>>;
}

/** Slots of all parameters, each with a variable of zeros for each of `kinds`. */
export function createSlots<K extends string>(
  parameters: ReadonlyMap<string, tf.Variable>,
  settings: ReadonlyMap<string, ParameterSettings>,
  kinds: readonly K[],
): ReadonlyMap<string, Slot<K>> {
  const zeros = (like: tf.Variable) => tf.tidy(() => tf.variable(tf.zerosLike(like), false));
  return new Map(
    [...parameters].map(([name, parameter]) => [
      name,
      {
        parameter,
        settings: settings.get(name)!,
        state: Object.fromEntries(kinds.map((kind) => [kind, zeros(parameter)])) as Record<K, tf.Variable>,
      },
    ]),
  );
}

/** The variables of slots by `KIND.PARAMETER`, kind by kind within a parameter. */
export function slotState(slots: ReadonlyMap<string, Slot<string>>): Map<string, tf.Variable> {
  const state = new Map<string, tf.Variable>();
  for (const [name, slot] of slots)
    for (const [kind, variable] of Object.entries(slot.state)) state.set(`${kind}.${name}`, variable);
  return state;
}

export function disposeSlots(slots: ReadonlyMap<string, Slot<string>>): void {
  for (const variable of slotState(slots).values()) variable.dispose();
}

/** Name of a scalar that depends on a parameter's share of the learning rate: `rate`, or `rate/0.75`. */
export function scaled(name: string, lrScale: number): string {
  return lrScale === 1 ? name : `${name}/${lrScale}`;
}

/** The different shares of the learning rate among the settings. */
export function lrScales(settings: ReadonlyMap<string, ParameterSettings>): number[] {
  return [...new Set([...settings.values()].map(({ lrScale }) => lrScale))];
}

/** Scalars for each share of the learning rate, by the name `scaled` gives them. */
export function scalarsByScale(
  lr: number,
  scales: readonly number[],
  numbers: (lr: number) => Readonly<Record<string, number>>,
): Record<string, tf.Scalar> {
  return Object.fromEntries(
    scales.flatMap((scale) =>
      Object.entries(numbers(lr * scale)).map(([name, value]) => [scaled(name, scale), tf.scalar(value)]),
    ),
  );
}
