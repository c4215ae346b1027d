import * as tf from '@tensorflow/tfjs';
import { dropPath } from './drop-path.js';
import type { ForwardContext } from './forward-context.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { aBlock, mBlock, type ABlockArgs, type MBlockArgs } from './spec/blocks.js';

/** x + drop_path(mlp(norm(recconv(x)))). Shape in = shape out, `[b, h, w, channels]`. */
export class MBlock extends ModuleLayer {
  static readonly className = 'MBlock';
  private readonly dropRate: number;

  constructor(args: LayerArgs<MBlockArgs>) {
    const { channels, hidden, level, dropPath: dropRate, fuse } = args;
    super(mBlock({ channels, hidden, level, dropPath: dropRate, fuse }), args);
    this.dropRate = dropRate;
  }

  protected override forward(x: tf.Tensor4D, context: ForwardContext): tf.Tensor {
    const mixed = this.module('token_mixer').run(x, context);
    const y = this.hasModule('norm') ? this.module('norm').run(mixed, context) : mixed;
    return tf.add(
      x,
      dropPath(this.module('channel_mixer').run(y, context), this.dropRate, this.name, context),
    );
  }
}

/** x + drop_path(mlp(recattn(x))). Shape in = shape out, `[b, h, w, channels]`. */
export class ABlock extends ModuleLayer {
  static readonly className = 'ABlock';
  private readonly dropRate: number;

  constructor(args: LayerArgs<ABlockArgs>) {
    const { channels, hidden, heads, referenceOrder, dropPath: dropRate, fuse } = args;
    super(aBlock({ channels, hidden, heads, referenceOrder, dropPath: dropRate, fuse }), args);
    this.dropRate = dropRate;
  }

  protected override forward(x: tf.Tensor4D, context: ForwardContext): tf.Tensor {
    const mixed = this.module('token_mixer').run(x, context);
    return tf.add(
      x,
      dropPath(this.module('channel_mixer').run(mixed, context), this.dropRate, this.name, context),
    );
  }
}

registerLayer(MBlock);
registerLayer(ABlock);
