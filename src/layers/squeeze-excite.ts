import * as tf from '@tensorflow/tfjs';
import { conv2d } from '../ops/index.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { squeezeExcite, type SqueezeExciteArgs } from './spec/regnet.js';

/** Scales each channel by a gate computed from the global mean of all. Shape in = shape out, `[b, h, w, channels]`. */
export class SqueezeExcite extends ModuleLayer {
  static readonly className = 'SqueezeExcite';

  constructor(args: LayerArgs<SqueezeExciteArgs>) {
    super(squeezeExcite({ channels: args.channels, reduced: args.reduced }), args);
  }

  protected override forward(x: tf.Tensor4D): tf.Tensor {
    const squeezed = tf.relu(this.fc('fc1', tf.mean<tf.Tensor4D>(x, [1, 2], true)));
    return tf.mul(x, tf.sigmoid(this.fc('fc2', squeezed)));
  }

  private fc(name: string, x: tf.Tensor4D): tf.Tensor4D {
    return conv2d(x, this.weight(`${name}.weight`), { bias: this.weight(`${name}.bias`) });
  }
}

registerLayer(SqueezeExcite);
