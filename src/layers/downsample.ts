import * as tf from '@tensorflow/tfjs';
import { dropPath } from './drop-path.js';
import type { ForwardContext } from './forward-context.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import {
  downsample,
  groupedDownsample,
  type DownsampleArgs,
  type GroupedDownsampleArgs,
} from './spec/downsample.js';

/** M and A: `[b, h, w, inChannels]` -> `[b, ceil(h/2), ceil(w/2), outChannels]`, outChannels = 2·inChannels. */
export class Downsample extends ModuleLayer {
  static readonly className = 'Downsample';

  constructor(args: LayerArgs<DownsampleArgs>) {
    const { inChannels, outChannels, hidden, fuse } = args;
    super(downsample({ inChannels, outChannels, hidden, fuse }), args);
  }

  protected override forward(x: tf.Tensor4D, context: ForwardContext): tf.Tensor {
    const mixed = this.module('token_mixer').run(x, context);
    const y = this.hasModule('norm') ? this.module('norm').run(mixed, context) : mixed;
    return tf.add(y, this.module('channel_mixer').run(y, context));
  }
}

/** T, S and B: `[b, h, w, inChannels]` -> `[b, ceil(h/2), ceil(w/2), outChannels]`. */
export class GroupedDownsample extends ModuleLayer {
  static readonly className = 'GroupedDownsample';
  private readonly dropRate: number;

  constructor(args: LayerArgs<GroupedDownsampleArgs>) {
    const { inChannels, outChannels, hidden, fuse, dropPath: dropRate } = args;
    super(groupedDownsample({ inChannels, outChannels, hidden, fuse, dropPath: dropRate }), args);
    this.dropRate = dropRate;
  }

  protected override forward(x: tf.Tensor4D, context: ForwardContext): tf.Tensor {
    const y = this.module('token_mixer').run(x, context);
    const branch = this.module('channel_mixer').run(y, context);
    return tf.add(y, dropPath(branch, this.dropRate, this.name, context));
  }
}

registerLayer(Downsample);
registerLayer(GroupedDownsample);
