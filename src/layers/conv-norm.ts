import type * as tf from '@tensorflow/tfjs';
import { conv2d } from '../ops/index.js';
import type { ForwardContext } from './forward-context.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { normalise } from './normalise.js';
import { convNorm, type ConvNormArgs } from './spec/conv-norm.js';

/**
 * Convolution with symmetric padding floor(kernel / 2), then batch norm; fused: one convolution with bias.
 *
 * `[b, h, w, inChannels]` -> `[b, ceil(h / stride), ceil(w / stride), outChannels]`
 */
export class ConvNorm extends ModuleLayer {
  static readonly className = 'ConvNorm';
  private readonly conv: { stride: 1 | 2; groups: number };

  constructor(args: LayerArgs<ConvNormArgs>) {
    const { inChannels, outChannels, kernel, stride, groups, bias, fused } = args;
    super(convNorm({ inChannels, outChannels, kernel, stride, groups, bias, fused }), args);
    this.conv = { stride: stride as 1 | 2, groups };
  }

  protected override forward(x: tf.Tensor4D, context: ForwardContext): tf.Tensor {
    if (this.hasWeight('weight')) {
      return conv2d(x, this.weight('weight'), { ...this.conv, bias: this.weight('bias') });
    }
    const bias = this.hasWeight('conv.bias') ? this.weight<tf.Tensor1D>('conv.bias') : undefined;
    const y = conv2d(x, this.weight('conv.weight'), { ...this.conv, bias });
    return normalise(y, this.batchNormState('norm.'), context);
  }
}

registerLayer(ConvNorm);
