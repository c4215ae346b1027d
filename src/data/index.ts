export type { ErasingMode } from './augment/index.js';
export type { BrokenSample } from './broken-samples.js';
export type { Dataset, Split } from './dataset.js';
export { decodeImage, MAX_PIXELS } from './decode.js';
export type { Interpolation } from './filters.js';
export { LeftOutReport, type LeftOutLine } from './left-out-report.js';
export { createLoader, type LoadedBatch, type Loader, type LoaderOptions } from './loader.js';
export { LoaderCursor, type LoaderState } from './loader-cursor.js';
export type { BrokenShard } from './sources/broken-shard.js';
export { openDataset, type OpenDatasetOptions } from './sources/open-dataset.js';
export {
  createMixing,
  isMixing,
  type MixableBatch,
  type Mixing,
  type MixingConfig,
  type MixingMode,
  type StepAddress,
} from './mixing/index.js';
export { permutation, RandomStream, type SampleAddress } from './random.js';
export { resample, type PassOrder, type ResampleOptions } from './resample.js';
export type { Box, RgbImage } from './rgb-image.js';
export { repeatedAugmentationSampler, type RepeatedAugmentationOptions } from './repeated-augmentation.js';
export {
  sequentialSampler,
  shuffleSampler,
  type EpochOrder,
  type EpochSampler,
  type Process,
} from './sampler.js';
export { evalGeometry, evalTransform, type EvalConfig, type EvalGeometry } from './transform-eval.js';
export { trainTransform, type TrainConfig } from './transform-train.js';
export type { ImageTransform, TransformConfig } from './transform.js';
export { closeWorkers } from './workers/pool.js';
