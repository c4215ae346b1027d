import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors.js';
import type { ForwardContext, Head } from '../layers/index.js';
import { randomWeights, type WeightSource } from '../layers/initial-weights.js';
import { modelDataConfig } from './model-config.js';
import type { TrainingOutput } from './image-model.js';
import { checkRecNext, type RecNextConfig } from './recnext-config.js';
import { recNextSpec } from './recnext-spec.js';
import { SpecModel } from './spec-model.js';

/** A RecNeXt (arXiv 2412.19628): the stem, four stages, and a head of two classifiers. */
export class RecNext extends SpecModel {
  private current: RecNextConfig;

  /** @param source first values of the weights; default: PyTorch's distributions, seed 0 */
  constructor(config: RecNextConfig, source: WeightSource = randomWeights(0)) {
    super(recNextSpec(config), { ...config, dataConfig: modelDataConfig(config) }, source);
    this.current = config;
  }

  get config(): RecNextConfig {
    return this.current;
  }

  override get numClasses(): number {
    return this.config.numClasses;
  }

  /** Whether training returns both heads' logits. Evaluation returns their mean either way. */
  override get distillation(): boolean {
    return this.config.distillation;
  }

  /** Channels of the last feature map. */
  get numFeatures(): number {
    return this.config.dims.at(-1)!;
  }

  /**
   * Gives the model another classifier with fresh weights (timm's `reset_classifier`).
   *
   * @param numClasses 0: none, the pooled features come out
   */
  resetClassifier(numClasses: number, source: WeightSource = randomWeights(0)): void {
    const config = checkRecNext({ ...this.config, numClasses });
    this.replaceHead(recNextSpec(config), source);
    this.current = config;
  }

  protected override trainingOutput(x: tf.Tensor4D, context: ForwardContext): TrainingOutput {
    if (!this.distillation || this.numClasses === 0) return { logits: this.forward(x, context) };
    if (this.config.fuse !== 'none') {
      throw new UserError(
        `${this.name} is fused: its two heads are one, so it cannot be trained with distillation. Train the unfused model.`,
      );
    }
    const [logits, dist] = tf.tidy(() =>
      (this.head as Head).runBoth(this.forwardFeatures(x, context), context),
    );
    return { logits, dist };
  }
}
