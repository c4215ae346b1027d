import * as tf from '@tensorflow/tfjs';
import type { ForwardContext } from './forward-context.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { repVggDw, type RepVggDwArgs } from './spec/rep-vgg-dw.js';

/** Depthwise 3x3 + depthwise 1x1 + identity, each convolution with batch norm. Shape in = shape out. */
export class RepVggDw extends ModuleLayer {
  static readonly className = 'RepVggDw';

  constructor(args: LayerArgs<RepVggDwArgs>) {
    super(repVggDw({ channels: args.channels }), args);
  }

  protected override forward(x: tf.Tensor4D, context: ForwardContext): tf.Tensor {
    return tf.addN([this.module('lk').run(x, context), this.module('sk').run(x, context), x]);
  }
}

registerLayer(RepVggDw);
