import type * as tf from '@tensorflow/tfjs';

/** What a forward pass may depend on besides its input. */
export interface ForwardContext {
  /** Batch statistics, stochastic depth, both heads. Default false. */
  readonly training?: boolean;
  /**
   * With `training`: batch norms use and keep their running statistics (`--set-bn-eval`), all of them or those whose path the function holds for.
   * Default false.
   */
  readonly freezeBatchNorm?: boolean | ((path: string) => boolean);
  /**
   * `count` uniform numbers in [0, 1) for the stochastic depth or dropout of the module at `path`: shape [count].
   * Default: `Math.random`. Training passes a function that draws from (seed, epoch, step, path).
   */
  readonly uniform?: (path: string, count: number) => tf.Tensor1D;
  /**
   * Called with the output of every module, named as the checkpoint names it (`stages.0.blocks.1.token_mixer`).
   * The tensor is disposed of afterwards: `tf.keep(output.clone())` what you want to keep.
   */
  readonly observe?: (path: string, output: tf.Tensor) => void;
}
