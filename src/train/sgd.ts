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

/**
 * Stochastic gradient descent with Nesterov momentum and weight decay added to the gradient: `torch.optim.SGD(nesterov=True)`, which is what
 * timm makes of `--opt sgd`.
 */
export class Sgd implements Optimizer {
  steps = 0;
  private readonly slots: ReadonlyMap<string, Slot<'momentum_buffer'>>;
  private readonly scales: readonly number[];

  constructor(
    parameters: ReadonlyMap<string, tf.Variable>,
    settings: ReadonlyMap<string, ParameterSettings>,
    private readonly options: { readonly momentum: number },
  ) {
    this.slots = createSlots(parameters, settings, ['momentum_buffer']);
    this.scales = lrScales(settings);
  }

  nextScalars(lr: number): OptimizerScalars {
    this.steps++;
    return scalarsByScale(lr, this.scales, (rate) => ({ rate }));
  }

  update(gradients: tf.NamedTensorMap, scalars: OptimizerScalars): void {
    const { momentum } = this.options;
    for (const [name, { parameter, settings, state }] of this.slots) {
      const gradient = gradients[name];
      if (gradient === undefined) continue;
      tf.tidy(() => {
        const { weightDecay, lrScale } = settings;
        const decayed = weightDecay === 0 ? gradient : gradient.add(parameter.mul(weightDecay));
        const buffer = state.momentum_buffer.mul(momentum).add(decayed);
        const change = decayed.add(buffer.mul(momentum)).mul(scalars[scaled('rate', lrScale)]!);
        state.momentum_buffer.assign(buffer);
        parameter.assign(parameter.sub(change));
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
