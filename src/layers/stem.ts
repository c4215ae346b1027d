import type * as tf from '@tensorflow/tfjs';
import { gelu } from '../ops/index.js';
import type { ForwardContext } from './forward-context.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { stem, type StemArgs } from './spec/stem.js';

/** 3x3 stride-2 ConvNorms with GELU between them: `[b, h, w, inChannels]` -> `[b, h/4, w/4, c]` (h/8 in T, S and B). */
export class Stem extends ModuleLayer {
  static readonly className = 'RecNextStem';
  private readonly lastGelu: boolean;

  constructor(args: LayerArgs<StemArgs>) {
    const { inChannels, widths, bias, lastGelu, fused } = args;
    super(stem({ inChannels, widths, bias, lastGelu, fused }), args);
    this.lastGelu = lastGelu;
  }

  protected override forward(x: tf.Tensor, context: ForwardContext): tf.Tensor {
    const convolutions = this.spec.children.map(([name]) => this.module(name));
    const y = convolutions.reduce((map, conv, i) => conv.run(i === 0 ? map : gelu(map), context), x);
    return this.lastGelu ? gelu(y) : y;
  }
}

registerLayer(Stem);
