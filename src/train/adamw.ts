import * as tf from '@tensorflow/tfjs';
import { adamW } from '../ops/index.js';
import { scaled, SlotOptimizer, type OptimizerScalars, type Slot } from './optimizer.js';
import { parameterSettings, type ParameterSettings } from './param-groups.js';

export interface AdamWOptions {
  readonly betas: readonly [number, number];
  /** Added to the square root of the second moment. */
  readonly eps: number;
  /** Decoupled: a step shrinks the weights of the decay group by lr × weightDecay. */
  readonly weightDecay: number;
}

/**
 * The numbers of one update; `keep` and `rate` once more as `keep/SHARE` for parameters with a share of the learning rate other than 1.
 */
export type AdamWScalars = OptimizerScalars & {
  /** 1 - lr × weight decay. */
  readonly keep: tf.Scalar;
  /** lr √(1 - β2^t) / (1 - β1^t). */
  readonly rate: tf.Scalar;
  /** eps √(1 - β2^t): the bias correction of the second moment, moved from the moment to eps. */
  readonly eps: tf.Scalar;
};

/**
 * AdamW (Loshchilov & Hutter 2019) as `torch.optim.AdamW` computes it, with two groups: weights, which decay, and vectors
 * and biases, which don't (see `decays`).
 */
export class AdamW extends SlotOptimizer<'exp_avg' | 'exp_avg_sq'> {
  /** @param settings of each parameter; default: the weight decay of the options for all that decay */
  constructor(
    parameters: ReadonlyMap<string, tf.Variable>,
    private readonly options: AdamWOptions,
    settings: ReadonlyMap<string, ParameterSettings> = parameterSettings(parameters, options),
  ) {
    super(parameters, settings, ['exp_avg', 'exp_avg_sq']);
  }

  override nextScalars(lr: number): AdamWScalars {
    this.steps++;
    const [beta1, beta2] = this.options.betas;
    const correction = Math.sqrt(1 - beta2 ** this.steps);
    const rates = this.scalarsByScale(lr, (own) => ({
      keep: 1 - own * this.options.weightDecay,
      rate: (own * correction) / (1 - beta1 ** this.steps),
    }));
    return { ...rates, eps: tf.scalar(this.options.eps * correction) } as AdamWScalars;
  }

  protected override step(
    { parameter, settings: { weightDecay, lrScale }, state }: Slot<'exp_avg' | 'exp_avg_sq'>,
    gradient: tf.Tensor,
    scalars: AdamWScalars,
  ): void {
    const [beta1, beta2] = this.options.betas;
    const [updated, mean, square] = adamW(
      {
        parameter,
        mean: state.exp_avg,
        square: state.exp_avg_sq,
        gradient,
        keep: scalars[scaled('keep', lrScale)]!,
        rate: scalars[scaled('rate', lrScale)]!,
        eps: scalars.eps,
      },
      { beta1, beta2, decay: weightDecay > 0 },
    );
    state.exp_avg.assign(mean);
    state.exp_avg_sq.assign(square);
    parameter.assign(updated);
  }
}
