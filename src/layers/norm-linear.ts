import * as tf from '@tensorflow/tfjs';
import type { ForwardContext } from './forward-context.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { normalise } from './normalise.js';
import { normLinear, type NormLinearArgs } from './spec/head.js';

/** Batch norm over features, then a linear layer: `[b, inFeatures]` -> `[b, outFeatures]`. */
export class NormLinear extends ModuleLayer {
  static readonly className = 'NormLinear';
  private readonly outFeatures: number;

  constructor(args: LayerArgs<NormLinearArgs>) {
    const { inFeatures, outFeatures } = args;
    super(normLinear({ inFeatures, outFeatures }), args);
    this.outFeatures = outFeatures;
  }

  protected override forward(x: tf.Tensor2D, context: ForwardContext): tf.Tensor {
    const y = normalise(x, this.batchNormState('norm.'), context);
    return tf.add(tf.matMul(y, this.weight<tf.Tensor2D>('linear.weight')), this.weight('linear.bias'));
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return [inputShape[0]!, this.outFeatures];
  }
}

registerLayer(NormLinear);
