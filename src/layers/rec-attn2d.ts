import * as tf from '@tensorflow/tfjs';
import { resizeNearest } from '../ops/index.js';
import type { ForwardContext } from './forward-context.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { recAttn2d, type RecAttn2dArgs } from './spec/rec-attn2d.js';

/**
 * Recursive attention: the map is halved, attended to, brought back by nearest-neighbour interpolation (floor rule),
 * added to the input and mixed by a depthwise 5x5 ConvNorm.
 *
 * Shape in = shape out, `[b, h, w, channels]`.
 */
export class RecAttn2d extends ModuleLayer {
  static readonly className = 'RecAttn2d';

  constructor(args: LayerArgs<RecAttn2dArgs>) {
    const { channels, heads, referenceOrder, bias, fused } = args;
    super(recAttn2d({ channels, heads, referenceOrder, bias, fused }), args);
  }

  protected override forward(x: tf.Tensor4D, context: ForwardContext): tf.Tensor {
    const small = this.module('down.0').run(x, context);
    const attended = this.module('down.1').run(small, context) as tf.Tensor4D;
    const back = resizeNearest(attended, [x.shape[1], x.shape[2]]);
    return this.module('conv').run(tf.add(x, back), context);
  }
}

registerLayer(RecAttn2d);
