import type * as tf from '@tensorflow/tfjs';
import { scaled, SlotOptimizer, type OptimizerScalars, type Slot } from './optimizer.js';
import type { ParameterSettings } from './param-groups.js';

/**
 * Stochastic gradient descent with Nesterov momentum and weight decay added to the gradient: `torch.optim.SGD(nesterov=True)`, which is what
 * timm makes of `--opt sgd`.
 */
export class Sgd extends SlotOptimizer<'momentum_buffer'> {
  constructor(
    parameters: ReadonlyMap<string, tf.Variable>,
    settings: ReadonlyMap<string, ParameterSettings>,
    private readonly options: { readonly momentum: number },
  ) {
    super(parameters, settings, ['momentum_buffer']);
  }

  override nextScalars(lr: number): OptimizerScalars {
    this.steps++;
    return this.scalarsByScale(lr, (rate) => ({ rate }));
  }

  protected override step(
    { parameter, settings: { weightDecay, lrScale }, state }: Slot<'momentum_buffer'>,
    gradient: tf.Tensor,
    scalars: OptimizerScalars,
  ): void {
    const { momentum } = this.options;
    const decayed = weightDecay === 0 ? gradient : gradient.add(parameter.mul(weightDecay));
    const buffer = state.momentum_buffer.mul(momentum).add(decayed);
    const change = decayed.add(buffer.mul(momentum)).mul(scalars[scaled('rate', lrScale)]!);
    state.momentum_buffer.assign(buffer);
    parameter.assign(parameter.sub(change));
  }
}
