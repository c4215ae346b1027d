import * as tf from '@tensorflow/tfjs';

/** State of a {@link LossScale}, as a checkpoint keeps it. */
export interface LossScaleState {
  /** What the loss is multiplied by. */
  readonly scale: number;
  /** Steps with finite gradients since the scale last changed. */
  readonly goodSteps: number;
}

export interface LossScaleOptions {
  /** Default 65536, as in PyTorch. */
  readonly initial?: number;
  /** Good steps after which the scale doubles. Default 2000. */
  readonly growthInterval?: number;
}

/** Of float32. */
const LARGEST = 3.4028234663852886e38;
/** A larger scale would have no inverse but zero, where small numbers are flushed. */
const LARGEST_SCALE = 2 ** 126;

/**
 * Dynamic loss scaling as PyTorch's GradScaler does it (Micikevicius et al. 2018, section 3.2): the loss is multiplied so that gradients computed in float16 do
 * not vanish, and the gradients are divided again. A step whose gradients are not all finite is left out, and the scale halved; after many good ones in a row it
 * doubles. TF.js operations that read nothing back: who runs the step leaves it out where `check` is not finite.
 */
export class LossScale {
  private readonly scale: tf.Variable;
  private readonly goodSteps: tf.Variable;
  private readonly growthInterval: number;

  constructor({ initial = 65536, growthInterval = 2000 }: LossScaleOptions = {}) {
    this.scale = tf.tidy(() => tf.variable(tf.scalar(initial), false));
    this.goodSteps = tf.tidy(() => tf.variable(tf.scalar(0), false));
    this.growthInterval = growthInterval;
  }

  /** The loss times the scale: what is differentiated. */
  scaled(loss: tf.Scalar): tf.Scalar {
    return loss.mul(this.scale);
  }

  /** The gradients of the loss itself, in new tensors. */
  unscaled(gradients: tf.NamedTensorMap): tf.NamedTensorMap {
    // Powers of two: this is exact.
    const share = tf.tidy(() => tf.scalar(1).div(this.scale));
    const own = Object.fromEntries(
      Object.entries(gradients).map(([name, gradient]) => [name, gradient.mul(share)]),
    );
    share.dispose();
    return own;
  }

  /** A number that is finite when every gradient is, and only then: the sum of them all. */
  check(gradients: tf.NamedTensorMap): tf.Scalar {
    return tf.tidy(() => tf.addN(Object.values(gradients).map((gradient) => gradient.sum())).asScalar());
  }

  /** Halves the scale, or counts a good step. */
  update(check: tf.Scalar): void {
    tf.tidy(() => {
      // Comparisons with NaN are false.
      const good = check.abs().lessEqual(LARGEST);
      const counted = this.goodSteps.add(1);
      const due = counted.greaterEqual(this.growthInterval);
      const grown = tf.where(due, this.scale.mul(2), this.scale);
      const scale = tf.where(
        good,
        tf.where(grown.lessEqual(LARGEST_SCALE), grown, this.scale),
        this.scale.mul(0.5),
      );
      const steps = tf.where(good, tf.where(due, tf.zerosLike(counted), counted), tf.zerosLike(counted));
      this.scale.assign(scale);
      this.goodSteps.assign(steps);
    });
  }

  /** The scale as it is now: a tensor of the caller's. */
  current(): tf.Scalar {
    return this.scale.clone() as tf.Scalar;
  }

  /** The variables themselves, by name. */
  variables(): Map<string, tf.Variable> {
    return new Map([
      ['scale', this.scale],
      ['good_steps', this.goodSteps],
    ]);
  }

  async read(): Promise<LossScaleState> {
    const [scale, goodSteps] = await Promise.all([this.scale.data(), this.goodSteps.data()]);
    return { scale: scale[0]!, goodSteps: goodSteps[0]! };
  }

  set({ scale, goodSteps }: LossScaleState): void {
    tf.tidy(() => {
      this.scale.assign(tf.scalar(scale));
      this.goodSteps.assign(tf.scalar(goodSteps));
    });
  }

  dispose(): void {
    tf.dispose([this.scale, this.goodSteps]);
  }
}
