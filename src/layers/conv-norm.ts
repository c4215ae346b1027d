import * as tf from '@tensorflow/tfjs';
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
  private readonly normPrefix: string;
  private readonly activation: 'relu' | undefined;

  constructor(args: LayerArgs<ConvNormArgs>) {
    const { inChannels, outChannels, kernel, stride, groups, bias, fused, normName, activation } = args;
    super(
      convNorm({ inChannels, outChannels, kernel, stride, groups, bias, fused, normName, activation }),
      args,
    );
    this.conv = { stride: stride as 1 | 2, groups };
    this.normPrefix = `${normName ?? 'norm'}.`;
    this.activation = activation;
  }

  protected override forward(x: tf.Tensor4D, context: ForwardContext): tf.Tensor {
    const y = this.hasWeight('weight') ? this.fused(x) : this.unfused(x, context);
    return this.activation === 'relu' ? tf.relu(y) : y;
  }

  private fused(x: tf.Tensor4D): tf.Tensor4D {
    return conv2d(x, this.weight('weight'), { ...this.conv, bias: this.weight('bias') });
  }

  private unfused(x: tf.Tensor4D, context: ForwardContext): tf.Tensor4D {
    const bias = this.hasWeight('conv.bias') ? this.weight<tf.Tensor1D>('conv.bias') : undefined;
    const y = conv2d(x, this.weight('conv.weight'), { ...this.conv, bias });
    return normalise(y, this.batchNormState(this.normPrefix), context);
  }
}

registerLayer(ConvNorm);
