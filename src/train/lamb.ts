import * as tf from '@tensorflow/tfjs';
import {
  createSlots,
  disposeSlots,
  lrScales,
  scalarsByScale,
  scaled,
  slotState,
  type Optimizer,
  type OptimizerScalars,
  type Slot,
} from './optimizer.js';
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
export class Lamb implements Optimizer {
  steps = 0;
  private readonly slots: ReadonlyMap<string, Slot<'exp_avg' | 'exp_avg_sq'>>;
  private readonly scales: readonly number[];

  constructor(
    parameters: ReadonlyMap<string, tf.Variable>,
    settings: ReadonlyMap<string, ParameterSettings>,
    private readonly options: LambOptions,
  ) {
    this.slots = createSlots(parameters, settings, ['exp_avg', 'exp_avg_sq']);
    this.scales = lrScales(settings);
  }

  nextScalars(lr: number): OptimizerScalars {
    this.steps++;
    const [beta1, beta2] = this.options.betas;
    return {
      ...scalarsByScale(lr, this.scales, (rate) => ({ rate })),
      meanCorrection: tf.scalar(1 / (1 - beta1 ** this.steps)),
      rootCorrection: tf.scalar(1 / Math.sqrt(1 - beta2 ** this.steps)),
    };
  }

  update(gradients: tf.NamedTensorMap, scalars: OptimizerScalars): void {
    const [beta1, beta2] = this.options.betas;
    tf.tidy(() => {
      const squares = [...this.slots.keys()].flatMap((name) => {
        const gradient = gradients[name];
        return gradient === undefined ? [] : [gradient.square().sum()];
      });
      if (squares.length === 0) return;
      const tooLarge = tf.addN(squares).sqrt().div(MAX_GRADIENT_NORM).maximum(1);
      for (const [name, { parameter, settings, state }] of this.slots) {
        if (gradients[name] === undefined) continue;
        const gradient = gradients[name];
        tf.tidy(() => {
          const clipped = gradient.div(tooLarge);
          const mean = state.exp_avg.add(clipped.sub(state.exp_avg).mul(1 - beta1));
          const square = state.exp_avg_sq.mul(beta2).add(clipped.square().mul(1 - beta2));
          const root = square.sqrt().mul(scalars.rootCorrection!).add(this.options.eps);
          const adam = mean.mul(scalars.meanCorrection!).div(root);
          const step =
            settings.weightDecay === 0
              ? adam
              : adapted(parameter, adam.add(parameter.mul(settings.weightDecay)));
          state.exp_avg.assign(mean);
          state.exp_avg_sq.assign(square);
          parameter.assign(parameter.sub(step.mul(scalars[scaled('rate', settings.lrScale)]!)));
        });
      }
    });
  }

  state(): Map<string, tf.Variable> {
    return slotState(this.slots);
  }

  dispose(): void {
    disposeSlots(this.slots);
  }
}

/** The step scaled to the parameter's norm; as it is where either is zero. */
function adapted(parameter: tf.Tensor, step: tf.Tensor): tf.Tensor {
  const [weight, change] = [parameter.norm(), step.norm()];
  const both = weight.greater(0).logicalAnd(change.greater(0));
  const ratio = tf.where(both, weight.div(change), tf.onesLike(weight));
  return step.mul(ratio);
}
