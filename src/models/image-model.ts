import type * as tf from '@tensorflow/tfjs';
import type { ForwardContext } from '../layers/forward-context.js';
import type { StateDict } from './state-dict.js';

export type { ForwardContext };

/** Logits of one batch: `[batch, numClasses]`. `dist` only from a distilled model in training mode. */
export interface TrainingOutput {
  readonly logits: tf.Tensor2D;
  readonly dist?: tf.Tensor2D;
}

/** What a parameter is to its layer: enough to convert its layout and to find its output units. */
export interface ParameterSpec {
  /**
   * `conv`: stored `[kh, kw, in, out / groups]`, output channel = (group, last axis); `linear`: stored `[in, out]`;
   * `vector`: at most one axis.
   */
  readonly layout: 'conv' | 'linear' | 'vector';
  /** Groups of the convolution; 1 elsewhere. */
  readonly groups: number;
  /** Shape in the checkpoint (PyTorch order: `[out, in / groups, kh, kw]`, `[out, in]`). */
  readonly shape: readonly number[];
}

/** How a model wants its images. */
export interface DataConfig {
  /** [channels, height, width], as timm writes it. */
  readonly inputSize: readonly [number, number, number];
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly interpolation: 'bicubic' | 'bilinear' | 'lanczos' | 'nearest' | 'box' | 'hamming';
  readonly cropPct: number;
  readonly cropMode: 'center' | 'squash' | 'border';
}

/** What a fine-tuned model may want otherwise than the published ones. */
export type Preprocessing = Partial<Omit<DataConfig, 'inputSize'>>;

/**
 * What training, evaluation and conversion need of a classifier (RecNeXt of every series, RegNetY).
 * Inputs are `[batch, height, width, channels]`, normalised.
 */
export interface ImageModel {
  /** Registry name, e.g. `recnext_m3`. */
  readonly name: string;
  readonly numClasses: number;
  readonly inChans: number;
  readonly dataConfig: DataConfig;
  /** Whether training mode returns the pair of heads. */
  readonly distillation: boolean;
  /** Learnable variables by checkpoint name, in state_dict order, TF.js layout. */
  readonly parameters: ReadonlyMap<string, tf.Variable>;
  /** One entry for each of `parameters`. */
  readonly parameterSpecs: ReadonlyMap<string, ParameterSpec>;
  /** Running statistics by checkpoint name, in state_dict order. */
  readonly buffers: ReadonlyMap<string, tf.Variable>;
  /** Batches whose statistics the running ones have seen (`num_batches_tracked` of the checkpoint). */
  trackedBatches: bigint;
  /** Evaluation logits `[batch, numClasses]` (`[batch, numFeatures]` when numClasses is 0). */
  forward(x: tf.Tensor4D, context?: ForwardContext): tf.Tensor2D;
  /** Training mode: both heads where the model distils. Updates the running statistics. */
  forwardTraining(x: tf.Tensor4D, context?: ForwardContext): TrainingOutput;
  /** A copy of all weights in the checkpoint's names, order and layout (`num_batches_tracked` included). */
  stateDict(): StateDict;
  /**
   * Sets all weights. Throws UserError naming the first missing, unexpected and mis-shaped keys.
   * `strict: false` leaves missing weights as they are and ignores unexpected ones.
   */
  loadStateDict(weights: StateDict, options?: { strict?: boolean; source?: string }): void;
  dispose(): void;
}
