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

/** Name of a scalar that depends on a parameter's share of the learning rate: `rate`, or `rate/0.75`. */
export function scaled(name: string, lrScale: number): string {
  return lrScale === 1 ? name : `${name}/${lrScale}`;
}

/** A parameter with what an optimizer keeps of it. */
export interface Slot<K extends string> {
  readonly parameter: tf.Variable;
  readonly settings: ParameterSettings;
  readonly state: Readonly<Record<K, tf.Variable>>;
}

/** What all optimizers share that step each parameter by itself: variables of zeros for each of `kinds` beside it, and numbers for each share of the learning rate. */
export abstract class SlotOptimizer<K extends string> implements Optimizer {
  steps = 0;
  private readonly slots: ReadonlyMap<string, Slot<K>>;
  /** The different shares of the learning rate among the settings, and 1. */
  private readonly scales: readonly number[];

  protected constructor(
    parameters: ReadonlyMap<string, tf.Variable>,
    settings: ReadonlyMap<string, ParameterSettings>,
    kinds: readonly K[],
  ) {
    const zeros = (like: tf.Variable) => tf.tidy(() => tf.variable(tf.zerosLike(like), false));
    this.slots = new Map(
      [...parameters].map(([name, parameter]) => [
        name,
        {
          parameter,
          settings: settings.get(name)!,
          state: Object.fromEntries(kinds.map((kind) => [kind, zeros(parameter)])) as Record<K, tf.Variable>,
        },
      ]),
    );
    this.scales = [...new Set([1, ...[...settings.values()].map(({ lrScale }) => lrScale)])];
  }

  abstract nextScalars(lr: number): OptimizerScalars;

  update(gradients: tf.NamedTensorMap, scalars: OptimizerScalars): void {
    for (const [name, slot] of this.slots) {
      const gradient = gradients[name];
      if (gradient !== undefined) tf.tidy(() => this.step(slot, gradient, scalars));
    }
  }

  /** Updates one parameter and what is kept of it. Called inside a tidy. */
  protected abstract step(slot: Slot<K>, gradient: tf.Tensor, scalars: OptimizerScalars): void;

  /** Names of the parameters, in order. */
  protected names(): Iterable<string> {
    return this.slots.keys();
  }

  /** Scalars for each share of the learning rate, by the name `scaled` gives them. */
  protected scalarsByScale(
    lr: number,
    numbers: (lr: number) => Readonly<Record<string, number>>,
  ): Record<string, tf.Scalar> {
    return Object.fromEntries(
      this.scales.flatMap((scale) =>
        Object.entries(numbers(lr * scale)).map(([name, value]) => [scaled(name, scale), tf.scalar(value)]),
      ),
    );
  }

  /** By `KIND.PARAMETER`, kind by kind within a parameter. */
  state(): Map<string, tf.Variable> {
    const state = new Map<string, tf.Variable>();
    for (const [name, slot] of this.slots)
      for (const [kind, variable] of Object.entries<tf.Variable>(slot.state))
        state.set(`${kind}.${name}`, variable);
    return state;
  }

  dispose(): void {
    for (const variable of this.state().values()) variable.dispose();
  }
}
