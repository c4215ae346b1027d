import type { OperationTime } from './operation-time.js';

/** What executes a model: a compiled graph (`tensorflow`, `onnx`) or TF.js operation by operation (`eager`). */
export const ENGINE_NAMES = ['tensorflow', 'onnx', 'eager'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** 16-bit types that a compiled graph may compute in. */
export const PRECISIONS = ['bfloat16', 'float16'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** `[batch, height, width, channels]`. */
export type ImagesShape = readonly [batch: number, height: number, width: number, channels: number];

/** A classifier that is ready to run. */
export interface InferenceEngine {
  readonly engine: EngineName;
  readonly numClasses: number;
  /**
   * @param images normalised, row-major. An array aligned to 64 bytes is used where it lies: leave it unchanged until the result is there.
   * @returns logits `[batch, numClasses]`, row-major
   */
  logits(images: Float32Array, shape: ImagesShape): Promise<Float32Array>;
  dispose(): void;
}

/** One that shows how it works. */
export interface ProfiledEngine extends InferenceEngine {
  /** Runs the model once and tells when each of its operations ran. */
  profile(images: Float32Array, shape: ImagesShape): Promise<OperationTime[]>;
}
