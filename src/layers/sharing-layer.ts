import * as tf from '@tensorflow/tfjs';
import type { ForwardContext } from './forward-context.js';
import { ModuleLayer } from './module-layer.js';

/** What a layer that shares its attention gives: its output, and that of its attention alone (none where it has no attention of its own). */
export interface Mixed {
  [name: string]: tf.Tensor;
  output: tf.Tensor;
}

/** A layer of T, S and B whose attention's output a later block may add to its own input. */
export abstract class SharingLayer extends ModuleLayer {
  /** @param shared attention outputs of the blocks before. Called inside a tidy */
  protected abstract compute(x: tf.Tensor, context: ForwardContext, shared: readonly tf.Tensor[]): Mixed;

  /** Computes the layer and gives its attention's output as well, for a later block that shares it. */
  runSharing(x: tf.Tensor, context: ForwardContext, shared: readonly tf.Tensor[]): Mixed {
    const result = tf.tidy(this.name, () => this.compute(x, context, shared));
    context.observe?.(this.name, result.output);
    return result;
  }

  protected override forward(x: tf.Tensor, context: ForwardContext): tf.Tensor {
    return this.compute(x, context, []).output;
  }
}
