import type * as tf from '@tensorflow/tfjs';
import { gelu } from '../ops/index.js';
import type { ForwardContext } from './forward-context.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { mlp, type MlpArgs } from './spec/mlp.js';

/** The channel mixer: 1x1 ConvNorm, exact GELU, 1x1 ConvNorm. Shape in = shape out, `[b, h, w, channels]`. */
export class Mlp extends ModuleLayer {
  static readonly className = 'Mlp';

  constructor(args: LayerArgs<MlpArgs>) {
    const { channels, hidden, bias, fused } = args;
    super(mlp({ channels, hidden, bias, fused }), args);
  }

  protected override forward(x: tf.Tensor4D, context: ForwardContext): tf.Tensor {
    return this.module('2').run(gelu(this.module('0').run(x, context)), context);
  }
}

registerLayer(Mlp);
