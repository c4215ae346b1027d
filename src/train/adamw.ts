import * as tf from '@tensorflow/tfjs';
import { decays } from './param-groups.js';

export interface AdamWOptions {
  readonly betas: readonly [number, number];
  /** Added to the square root of the second moment. */
  readonly eps: number;
  /** Decoupled: a step shrinks the weights of the decay group by lr × weightDecay. */
  readonly weightDecay: number;
}

/** The numbers of one update, worked out in double precision on the host. Scalars, so that a traced step can take them as inputs. */
export interface AdamWScalars {
  /** 1 - lr × weight decay. */
  readonly keep: tf.Scalar;
  /** lr √(1 - β2^t) / (1 - β1^t). */
  readonly rate: tf.Scalar;
  /** eps √(1 - β2^t): the bias correction of the second moment, moved from the moment to eps. */
  readonly eps: tf.Scalar;
}

interface Slot {
  readonly parameter: tf.Variable;
  readonly decays: boolean;
  readonly mean: tf.Variable;
  readonly square: tf.Variable;
}

/**
 * AdamW (Loshchilov & Hutter 2019) as `torch.optim.AdamW` computes it, with two groups: weights, which decay, and vectors
 * and biases, which don't (see `decays`).
 */
export class AdamW {
  /** Updates done so far. */
  steps = 0;
  private readonly slots: ReadonlyMap<string, Slot>;

  constructor(
    parameters: ReadonlyMap<string, tf.Variable>,
    private readonly options: AdamWOptions,
  ) {
    this.slots = new Map(
      [...parameters].map(([name, parameter]) => [
        name,
        {
          parameter,
          decays: options.weightDecay > 0 && decays(name, parameter.shape),
          mean: tf.tidy(() => tf.variable(tf.zerosLike(parameter), false)),
          square: tf.tidy(() => tf.variable(tf.zerosLike(parameter), false)),
        },
      ]),
    );
  }

  /** Counts one update and gives its numbers; the caller disposes of them. */
  nextScalars(lr: number): AdamWScalars {
    this.steps++;
    const [beta1, beta2] = this.options.betas;
    const correction = Math.sqrt(1 - beta2 ** this.steps);
    return {
      keep: tf.scalar(1 - lr * this.options.weightDecay),
      rate: tf.scalar((lr * correction) / (1 - beta1 ** this.steps)),
      eps: tf.scalar(this.options.eps * correction),
    };
  }

  /**
   * Updates every parameter from its gradient (same names, same layout); one without a gradient stays as it is, as in PyTorch.
   * TF.js operations only.
   */
  update(gradients: tf.NamedTensorMap, scalars: AdamWScalars): void {
    const [beta1, beta2] = this.options.betas;
    tf.tidy(() => {
      const take1 = tf.scalar(1 - beta1);
      const take2 = tf.scalar(1 - beta2);
      for (const [name, slot] of this.slots) {
        const gradient = gradients[name];
        if (gradient === undefined) continue;
        tf.tidy(() => {
          const mean = slot.mean.add(gradient.sub(slot.mean).mul(take1));
          const square = slot.square.add(gradient.square().sub(slot.square).mul(take2));
          const change = mean.div(square.sqrt().add(scalars.eps)).mul(scalars.rate);
          const kept = slot.decays ? slot.parameter.mul(scalars.keep) : slot.parameter;
          slot.mean.assign(mean);
          slot.square.assign(square);
          slot.parameter.assign(kept.sub(change));
        });
      }
    });
  }

  /**
   * The moments, `exp_avg.NAME` and `exp_avg_sq.NAME` (PyTorch's words for them), in TF.js layout: the optimizer's own variables,
   * not copies. With `steps` they are its whole state.
   */
  state(): Map<string, tf.Variable> {
    const state = new Map<string, tf.Variable>();
    for (const [name, slot] of this.slots) {
      state.set(`exp_avg.${name}`, slot.mean);
      state.set(`exp_avg_sq.${name}`, slot.square);
    }
    return state;
  }

  dispose(): void {
    for (const { mean, square } of this.slots.values()) {
      mean.dispose();
      square.dispose();
    }
  }
}
