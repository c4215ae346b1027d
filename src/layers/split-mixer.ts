import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors.js';
import type { ForwardContext } from './forward-context.js';
import { registerLayer, type LayerArgs } from './module-layer.js';
import { SharingLayer, type Mixed } from './sharing-layer.js';
import { splitMixer, type SplitMixerArgs } from './spec/split-mixer.js';

/**
 * The token mixer of T, S and B: attention on the first quarter of the channels, the rest passes through. Without
 * attention of its own it adds the attention outputs of the four blocks before it, concatenated.
 * Shape in = shape out, `[b, h, w, channels]`.
 */
export class SplitMixer extends SharingLayer {
  static readonly className = 'SplitMixer';
  private readonly attended: number;

  constructor(args: LayerArgs<SplitMixerArgs>) {
    const { channels, heads, referenceOrder, mixer, fused } = args;
    super(splitMixer({ channels, heads, referenceOrder, mixer, fused }), args);
    this.attended = channels / 4;
  }

  protected override compute(x: tf.Tensor, context: ForwardContext, shared: readonly tf.Tensor[]): Mixed {
    if (!this.hasModule('attn')) return { output: tf.add(x, this.concatenate(shared)) };
    const rest = x.shape.at(-1)! - this.attended;
    const [first, passing] = tf.split(x, [this.attended, rest], -1) as [tf.Tensor, tf.Tensor];
    const attention = this.module('attn').run(first, context);
    return { output: tf.concat([attention, passing], -1), attention };
  }

  private concatenate(shared: readonly tf.Tensor[]): tf.Tensor {
    if (shared.length !== 4) {
      throw new UserError(
        `layer "${this.name}" adds the attention outputs of the four blocks before it, found ${shared.length}: it works only inside its stage`,
      );
    }
    return tf.concat(shared as tf.Tensor[], -1);
  }
}

registerLayer(SplitMixer);
