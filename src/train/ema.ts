import * as tf from '@tensorflow/tfjs';
import type { ImageModel } from '../models/image-model.js';
import { lerp } from '../ops/index.js';

/**
 * Exponential moving average of every parameter and running statistic of a model: e ← d e + (1 - d) p, as timm's ModelEma
 * keeps it, from the first step on.
 */
export class ModelEma {
  private readonly pairs: readonly { readonly live: tf.Variable; readonly average: tf.Variable }[];

  /** Starts at the model's present weights. */
  constructor(
    model: ImageModel,
    readonly decay: number,
  ) {
    this.pairs = [...model.parameters.values(), ...model.buffers.values()].map((live) => ({
      live,
      average: tf.variable(live, false),
    }));
  }

  /** One step of the average. TF.js operations only. */
  update(): void {
    tf.tidy(() => {
      const take = tf.scalar(1 - this.decay);
      for (const { live, average } of this.pairs) tf.tidy(() => average.assign(lerp(average, live, take)));
    });
  }

  /** Runs `body` with the averaged weights in the model, and puts the model's own back. */
  async withAverage<T>(body: () => Promise<T>): Promise<T> {
    const own = this.pairs.map(({ live }) => live.clone());
    try {
      for (const { live, average } of this.pairs) live.assign(average);
      return await body();
    } finally {
      this.pairs.forEach(({ live }, i) => live.assign(own[i]!));
      tf.dispose(own);
    }
  }

  /** Takes the model's present weights as the average (after loading them with `withAverage` around it, or to start anew). */
  reset(): void {
    for (const { live, average } of this.pairs) average.assign(live);
  }

  /** The averages themselves, weights before running statistics. */
  variables(): tf.Variable[] {
    return this.pairs.map(({ average }) => average);
  }

  dispose(): void {
    for (const { average } of this.pairs) average.dispose();
  }
}
