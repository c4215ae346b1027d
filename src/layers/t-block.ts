import * as tf from '@tensorflow/tfjs';
import { dropPath } from './drop-path.js';
import type { ForwardContext } from './forward-context.js';
import { registerLayer, type LayerArgs } from './module-layer.js';
import { SharingLayer, type Mixed } from './sharing-layer.js';
import { tBlock, type TBlockArgs } from './spec/blocks.js';
import type { SplitMixer } from './split-mixer.js';

/** x <- repvgg(x); x + drop_path(mlp(mixer(x))). Shape in = shape out, `[b, h, w, channels]`. */
export class TBlock extends SharingLayer {
  static readonly className = 'TBlock';
  private readonly dropRate: number;

  constructor(args: LayerArgs<TBlockArgs>) {
    const { channels, hidden, heads, referenceOrder, mixer, dropPath: dropRate, fuse } = args;
    super(tBlock({ channels, hidden, heads, referenceOrder, mixer, dropPath: dropRate, fuse }), args);
    this.dropRate = dropRate;
  }

  protected override compute(x: tf.Tensor, context: ForwardContext, shared: readonly tf.Tensor[]): Mixed {
    const y = this.module('rep_mixer').run(x, context);
    const mixed = (this.module('token_mixer') as SplitMixer).runSharing(y, context, shared);
    const branch = this.module('channel_mixer').run(mixed.output, context);
    const output = tf.add(y, dropPath(branch, this.dropRate, this.name, context));
    return mixed.attention === undefined ? { output } : { output, attention: mixed.attention };
  }
}

registerLayer(TBlock);
