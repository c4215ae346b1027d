import * as tf from '@tensorflow/tfjs';
import type { ForwardContext } from './forward-context.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { regNetBlock, type RegNetBlockArgs } from './spec/regnet.js';

/** RegNetY's block: `[b, h, w, inChannels]` -> `[b, ceil(h / stride), ceil(w / stride), outChannels]`. */
export class RegNetBlock extends ModuleLayer {
  static readonly className = 'RegNetBlock';

  constructor(args: LayerArgs<RegNetBlockArgs>) {
    const { inChannels, outChannels, stride, groupWidth, fused } = args;
    super(regNetBlock({ inChannels, outChannels, stride, groupWidth, fused }), args);
  }

  protected override forward(x: tf.Tensor4D, context: ForwardContext): tf.Tensor {
    const branch = ['conv1', 'conv2', 'se', 'conv3'].reduce<tf.Tensor>(
      (y, name) => this.module(name).run(y, context),
      x,
    );
    const shortcut = this.hasModule('downsample') ? this.module('downsample').run(x, context) : x;
    return tf.relu(tf.add(branch, shortcut));
  }
}

registerLayer(RegNetBlock);
