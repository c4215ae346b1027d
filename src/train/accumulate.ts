import * as tf from '@tensorflow/tfjs';

/**
 * Sums the gradients of several batches, so that one update sees a larger batch than memory holds. TF.js operations that read nothing back.
 * Batch norms still see the small batches.
 */
export class GradientSum {
  private readonly sums: ReadonlyMap<string, tf.Variable>;

  constructor(parameters: ReadonlyMap<string, tf.Variable>) {
    this.sums = new Map(
      [...parameters].map(([name, like]) => [name, tf.tidy(() => tf.variable(tf.zerosLike(like), false))]),
    );
  }

  /** Adds the gradients of a batch. */
  add(gradients: tf.NamedTensorMap): void {
    for (const [name, gradient] of Object.entries(gradients)) {
      const sum = this.sums.get(name)!;
      tf.tidy(() => sum.assign(sum.add(gradient)));
    }
  }

  /**
   * The mean over the batches added and the last one, and starts again from zero.
   *
   * @param share 1 / number of batches
   */
  take(last: tf.NamedTensorMap, share: tf.Scalar): tf.NamedTensorMap {
    return Object.fromEntries(
      Object.entries(last).map(([name, gradient]) => {
        const sum = this.sums.get(name)!;
        const mean = tf.tidy(() => sum.add(gradient).mul(share));
        tf.tidy(() => sum.assign(tf.zerosLike(sum)));
        return [name, mean];
      }),
    );
  }

  /** The sums themselves. */
  variables(): Iterable<tf.Variable> {
    return this.sums.values();
  }

  dispose(): void {
    for (const sum of this.sums.values()) sum.dispose();
  }
}
