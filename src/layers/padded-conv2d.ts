import type * as tf from '@tensorflow/tfjs';
import { conv2d } from '../ops/index.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { conv2dSpec, type Conv2dArgs } from './spec/conv2d.js';

/**
 * A convolution padded by floor(kernel / 2) on every side, also at stride 2 (PyTorch's padding, not TensorFlow's SAME).
 *
 * `[b, h, w, inChannels]` -> `[b, ceil(h / stride), ceil(w / stride), outChannels]`
 */
export class PaddedConv2d extends ModuleLayer {
  static readonly className = 'PaddedConv2d';
  private readonly conv: { stride: 1 | 2; groups: number };

  constructor(args: LayerArgs<Conv2dArgs>) {
    const { inChannels, outChannels, kernel, stride, groups, bias } = args;
    super(conv2dSpec({ inChannels, outChannels, kernel, stride, groups, bias }), args);
    this.conv = { stride: stride as 1 | 2, groups };
  }

  protected override forward(x: tf.Tensor4D): tf.Tensor {
    const bias = this.hasWeight('bias') ? this.weight<tf.Tensor1D>('bias') : undefined;
    return conv2d(x, this.weight('weight'), { ...this.conv, bias });
  }
}

registerLayer(PaddedConv2d);
