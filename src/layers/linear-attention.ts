import * as tf from '@tensorflow/tfjs';
import type { ForwardContext } from './forward-context.js';
import { ModuleLayer, registerLayer, type LayerArgs } from './module-layer.js';
import { linearAttention, type LinearAttentionArgs } from './spec/linear-attention.js';

/** Keeps the denominator from zero; the reference's constant. */
const EPSILON = 1e-6;

/**
 * Linear attention over all positions with elu + 1 features, and a depthwise positional encoding of the values:
 * out_i = mean_j((q_i·k_j) v_j) / (mean_j(q_i·k_j) + 1e-6) + pe(v). The values are the input itself.
 *
 * Shape in = shape out, `[b, h, w, channels]`.
 */
export class LinearAttention extends ModuleLayer {
  static readonly className = 'LinearAttention';
  private readonly heads: number;

  constructor(args: LayerArgs<LinearAttentionArgs>) {
    const { channels, heads, qk, referenceOrder, bias, fused } = args;
    super(linearAttention({ channels, heads, qk, referenceOrder, bias, fused }), args);
    this.heads = heads;
  }

  protected override forward(x: tf.Tensor4D, context: ForwardContext): tf.Tensor {
    const qk = tf.add(tf.elu(this.module('qk').run(x, context) as tf.Tensor4D), 1);
    const [q, k] = tf.split(qk, 2, 3) as [tf.Tensor4D, tf.Tensor4D];
    const attended = attend(this.splitHeads(q), this.splitHeads(k), this.splitHeads(x));
    const joined = tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), x.shape);
    return tf.add(joined, this.module('pe').run(x, context));
  }

  /** `[b, h, w, c]` -> `[b, heads, h·w, c / heads]`: a head has neighbouring channels. */
  private splitHeads(x: tf.Tensor4D): tf.Tensor4D {
    const [batch, height, width, channels] = x.shape;
    const apart = tf.reshape<tf.Rank.R4>(x, [batch, height * width, this.heads, channels / this.heads]);
    return tf.transpose(apart, [0, 2, 1, 3]);
  }
}

/** The products in the cheaper order; both give the same values up to rounding. All are `[b, heads, n, d]`. */
function attend(q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D): tf.Tensor4D {
  const n = q.shape[2];
  const keyFirst = n > (2 * q.shape[3] * v.shape[3]) / (q.shape[3] + v.shape[3]);
  // k carries the mean over positions, so that both orders divide once, and early.
  const meanK = tf.mul<tf.Tensor4D>(k, 1 / n);
  if (keyFirst) {
    const weights = tf.matMul(q, tf.sum<tf.Tensor4D>(meanK, 2, true), false, true);
    const values: tf.Tensor4D = tf.matMul(q, tf.matMul(meanK, v, true, false));
    return tf.div<tf.Tensor4D>(values, tf.add(weights, EPSILON));
  }
  const weights = tf.matMul(q, meanK, false, true);
  return tf.div<tf.Tensor4D>(tf.matMul(weights, v), tf.add(tf.sum(weights, 3, true), EPSILON));
}

registerLayer(LinearAttention);
