import type * as tf from '@tensorflow/tfjs';
import type { ForwardContext } from './forward-context.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { normalise } from './normalise.js';
import { batchNorm, type BatchNormArgs } from './spec/batch-norm.js';

/** Batch norm with PyTorch's running statistics: shape in = shape out, `[b, h, w, channels]`. */
export class BatchNorm extends ModuleLayer {
  static readonly className = 'RecNextBatchNorm';

  constructor(args: LayerArgs<BatchNormArgs>) {
    super(batchNorm({ channels: args.channels }), args);
  }

  protected override forward(x: tf.Tensor4D, context: ForwardContext): tf.Tensor {
    return normalise(x, this.batchNormState(''), context);
  }
}

registerLayer(BatchNorm);
