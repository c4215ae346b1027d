import type * as tf from '@tensorflow/tfjs';
import { scaled, SlotOptimizer, type OptimizerScalars, type Slot } from './optimizer.js';
import type { ParameterSettings } from './param-groups.js';

export interface LionOptions {
  /** Of the step, and of the moment. */
  readonly betas: readonly [number, number];
  readonly weightDecay: number;
}

/**
 * Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms"), with decoupled weight decay, as timm's `--opt lion` computes it:
 * a step goes by the sign of a mean of moment and gradient.
 */
export class Lion extends SlotOptimizer<'exp_avg'> {
  constructor(
    parameters: ReadonlyMap<string, tf.Variable>,
    settings: ReadonlyMap<string, ParameterSettings>,
    private readonly options: LionOptions,
  ) {
    super(parameters, settings, ['exp_avg']);
  }

  override nextScalars(lr: number): OptimizerScalars {
    this.steps++;
    return this.scalarsByScale(lr, (rate) => ({ rate, keep: 1 - rate * this.options.weightDecay }));
  }

  protected override step(
    { parameter, settings: { weightDecay, lrScale }, state }: Slot<'exp_avg'>,
    gradient: tf.Tensor,
    scalars: OptimizerScalars,
  ): void {
    const [beta1, beta2] = this.options.betas;
    const moment = state.exp_avg;
    const ahead = gradient.sub(moment);
    const direction = moment.add(ahead.mul(1 - beta1)).sign();
    const kept = weightDecay === 0 ? parameter : parameter.mul(scalars[scaled('keep', lrScale)]!);
    const changed = kept.sub(direction.mul(scalars[scaled('rate', lrScale)]!));
    moment.assign(moment.add(ahead.mul(1 - beta2)));
    parameter.assign(changed);
  }
}
