import * as tf from '@tensorflow/tfjs';
import { conv2d, resizeBilinear } from '../ops/index.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { recConv2d, type RecConv2dArgs } from './spec/rec-conv2d.js';

/**
 * Recursive convolution (arXiv 2412.19628, section 3): one depthwise stride-2 convolution halves the map `level` times;
 * on the way back up each level has a depthwise convolution of its own, and the maps are joined by bilinear
 * interpolation (half-pixel centres) and addition. Any size works, odd ones included.
 *
 * Shape in = shape out, `[b, h, w, channels]`.
 *
 * @example new RecConv2d({ channels: 64, level: 4 }).apply(x) // x: [8, 56, 56, 64]
 */
export class RecConv2d extends ModuleLayer {
  static readonly className = 'RecConv2d';
  private readonly level: number;
  private readonly groups: number;

  constructor(args: LayerArgs<RecConv2dArgs>) {
    const { channels, level, kernel } = args;
    super(recConv2d({ channels, level, kernel }), args);
    this.level = level;
    this.groups = channels;
  }

  protected override forward(x: tf.Tensor4D): tf.Tensor {
    const levels = [x];
    for (let i = 0; i < this.level; i++) {
      levels.push(conv2d(levels[i]!, this.weight('down.weight'), { stride: 2, groups: this.groups }));
    }
    let above: tf.Tensor4D | undefined;
    for (let i = this.level; i > 0; i--) {
      const y = this.convolve(this.level - i, levels[i]!, above);
      const [, height, width] = levels[i - 1]!.shape;
      above = resizeBilinear(y, [height, width]);
    }
    return this.convolve(this.level, x, above);
  }

  /** `convs.i` of a level's map and what came up from below it. */
  private convolve(i: number, map: tf.Tensor4D, fromBelow: tf.Tensor4D | undefined): tf.Tensor4D {
    const input = fromBelow === undefined ? map : tf.add<tf.Tensor4D>(map, fromBelow);
    return conv2d(input, this.weight(`convs.${i}.weight`), { groups: this.groups });
  }
}

registerLayer(RecConv2d);
