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

export interface LionOptions {
  /** Of the step, and of the moment. */
  readonly betas: readonly [number, number];
  readonly weightDecay: number;
}

/**
 * Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms"), with decoupled weight decay, as timm's `--opt lion` computes it:
 * a step goes by the sign of a mean of moment and gradient.
 */
export class Lion implements Optimizer {
  steps = 0;
  private readonly slots: ReadonlyMap<string, Slot<'exp_avg'>>;
  private readonly scales: readonly number[];

  constructor(
    parameters: ReadonlyMap<string, tf.Variable>,
    settings: ReadonlyMap<string, ParameterSettings>,
    private readonly options: LionOptions,
  ) {
    this.slots = createSlots(parameters, settings, ['exp_avg']);
    this.scales = lrScales(settings);
  }

  nextScalars(lr: number): OptimizerScalars {
    this.steps++;
    return scalarsByScale(lr, this.scales, (rate) => ({ rate, keep: 1 - rate * this.options.weightDecay }));
  }

  update(gradients: tf.NamedTensorMap, scalars: OptimizerScalars): void {
    const [beta1, beta2] = this.options.betas;
    for (const [name, { parameter, settings, state }] of this.slots) {
      const gradient = gradients[name];
      if (gradient === undefined) continue;
      tf.tidy(() => {
        const { weightDecay, lrScale } = settings;
        const moment = state.exp_avg;
        const ahead = gradient.sub(moment);
        const direction = moment.add(ahead.mul(1 - beta1)).sign();
        const kept = weightDecay === 0 ? parameter : parameter.mul(scalars[scaled('keep', lrScale)]!);
        const changed = kept.sub(direction.mul(scalars[scaled('rate', lrScale)]!));
        moment.assign(moment.add(ahead.mul(1 - beta2)));
        parameter.assign(changed);
      });
    }
  }

  state(): Map<string, tf.Variable> {
    return slotState(this.slots);
  }

  dispose(): void {
    disposeSlots(this.slots);
  }
}
