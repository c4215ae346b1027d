import * as tf from '@tensorflow/tfjs';
import { dropout } from './drop-path.js';
import type { ForwardContext } from './forward-context.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { head, type HeadArgs } from './spec/head.js';

/**
 * Global mean over space, then the mean of two NormLinear classifiers (one linear layer when fused; the pooled features
 * when there are no classes): `[b, h, w, inFeatures]` -> `[b, numClasses]`.
 */
export class Head extends ModuleLayer {
  static readonly className = 'RecNextHead';
  private readonly args: HeadArgs;

  constructor(args: LayerArgs<HeadArgs>) {
    const { inFeatures, numClasses, dropRate, fused } = args;
    const own = { inFeatures, numClasses, dropRate, fused };
    super(head(own), args);
    this.args = own;
  }

  protected override forward(x: tf.Tensor4D, context: ForwardContext): tf.Tensor {
    const pooled = this.pool(x, context);
    if (this.args.numClasses === 0) return pooled;
    if (this.hasWeight('weight')) {
      return tf.add(tf.matMul(pooled, this.weight<tf.Tensor2D>('weight')), this.weight('bias'));
    }
    const [logits, dist] = this.classify(pooled, context);
    return tf.mul(tf.add(logits, dist), 0.5);
  }

  /** Both classifiers' logits, first `head`, then `head_dist` (the reference in training with distillation). */
  runBoth(x: tf.Tensor4D, context: ForwardContext): [logits: tf.Tensor2D, dist: tf.Tensor2D] {
    return tf.tidy(() => this.classify(this.pool(x, context), context));
  }

  /** `[b, h, w, c]` -> `[b, c]`: the features before the classifier. */
  pool(x: tf.Tensor4D, context: ForwardContext): tf.Tensor2D {
    return tf.tidy(() => dropout(tf.mean<tf.Tensor2D>(x, [1, 2]), this.args.dropRate, this.name, context));
  }

  private classify(pooled: tf.Tensor2D, context: ForwardContext): [tf.Tensor2D, tf.Tensor2D] {
    return [
      this.module('head').run(pooled, context) as tf.Tensor2D,
      this.module('head_dist').run(pooled, context) as tf.Tensor2D,
    ];
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return [inputShape[0]!, this.args.numClasses === 0 ? this.args.inFeatures : this.args.numClasses];
  }
}

registerLayer(Head);
