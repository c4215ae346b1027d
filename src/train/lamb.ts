import * as tf from '@tensorflow/tfjs';
import { scaled, SlotOptimizer, type OptimizerScalars, type Slot } from './optimizer.js';
import type { ParameterSettings } from './param-groups.js';

export interface LambOptions {
  readonly betas: readonly [number, number];
  /** Added to the square root of the second moment. */
  readonly eps: number;
}

/** Largest norm of all gradients together; larger ones are scaled down. */
const MAX_GRADIENT_NORM = 1;

/**
 * LAMB (You et al. 2020, "Large batch optimization for deep learning"), in the variant of NVIDIA's FusedLAMB that timm's `--opt lamb` computes:
 * Adam's step plus weight decay, scaled for each decaying parameter by the ratio of its norm to the step's; gradients are first clipped to a
 * norm of 1 over all parameters.
 */
export class Lamb extends SlotOptimizer<'exp_avg' | 'exp_avg_sq'> {
  constructor(
    parameters: ReadonlyMap<string, tf.Variable>,
    settings: ReadonlyMap<string, ParameterSettings>,
    private readonly options: LambOptions,
  ) {
    super(parameters, settings, ['exp_avg', 'exp_avg_sq']);
  }

  override nextScalars(lr: number): OptimizerScalars {
    this.steps++;
    const [beta1, beta2] = this.options.betas;
    return {
      ...this.scalarsByScale(lr, (rate) => ({ rate })),
      meanCorrection: tf.scalar(1 / (1 - beta1 ** this.steps)),
      rootCorrection: tf.scalar(1 / Math.sqrt(1 - beta2 ** this.steps)),
    };
  }

  override update(gradients: tf.NamedTensorMap, scalars: OptimizerScalars): void {
    tf.tidy(() => {
      const own = [...this.names()].flatMap((name) =>
        gradients[name] ? [[name, gradients[name]] as const] : [],
      );
      if (own.length === 0) return;
      const squares = own.map(([, gradient]) => gradient.square().sum());
      const tooLarge = tf.addN(squares).sqrt().div(MAX_GRADIENT_NORM).maximum(1);
      const clipped = own.map(([name, gradient]) => [name, gradient.div(tooLarge)] as const);
      super.update(Object.fromEntries(clipped), scalars);
    });
  }

  protected override step(
    { parameter, settings, state }: Slot<'exp_avg' | 'exp_avg_sq'>,
    clipped: tf.Tensor,
    scalars: OptimizerScalars,
  ): void {
    const [beta1, beta2] = this.options.betas;
    const mean = state.exp_avg.add(clipped.sub(state.exp_avg).mul(1 - beta1));
    const square = state.exp_avg_sq.mul(beta2).add(clipped.square().mul(1 - beta2));
    const root = square.sqrt().mul(scalars.rootCorrection!).add(this.options.eps);
    const adam = mean.mul(scalars.meanCorrection!).div(root);
    const step =
      settings.weightDecay === 0 ? adam : adapted(parameter, adam.add(parameter.mul(settings.weightDecay)));
    state.exp_avg.assign(mean);
    state.exp_avg_sq.assign(square);
    parameter.assign(parameter.sub(step.mul(scalars[scaled('rate', settings.lrScale)]!)));
  }
}

/** The step scaled to the parameter's norm; as it is where either is zero. */
function adapted(parameter: tf.Tensor, step: tf.Tensor): tf.Tensor {
  const [weight, change] = [parameter.norm(), step.norm()];
  const both = weight.greater(0).logicalAnd(change.greater(0));
  const ratio = tf.where(both, weight.div(change), tf.onesLike(weight));
  return step.mul(ratio);
}
