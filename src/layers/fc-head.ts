import * as tf from '@tensorflow/tfjs';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { fcHead, type FcHeadArgs } from './spec/regnet.js';

/** Global mean over space, then a linear layer: `[b, h, w, inFeatures]` -> `[b, numClasses]`. */
export class FcHead extends ModuleLayer {
  static readonly className = 'FcHead';
  private readonly args: FcHeadArgs;

  constructor(args: LayerArgs<FcHeadArgs>) {
    const own = { inFeatures: args.inFeatures, numClasses: args.numClasses };
    super(fcHead(own), args);
    this.args = own;
  }

  protected override forward(x: tf.Tensor4D): tf.Tensor {
    const pooled = tf.mean<tf.Tensor2D>(x, [1, 2]);
    if (this.args.numClasses === 0) return pooled;
    return tf.add(tf.matMul(pooled, this.weight<tf.Tensor2D>('fc.weight')), this.weight('fc.bias'));
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return [inputShape[0]!, this.args.numClasses || this.args.inFeatures];
  }
}

registerLayer(FcHead);
