/** recnext for Node.js: everything a program needs; the command line is built on the same functions. */
export * from './models/index.js';
export * from './layers/index.js';
export { gelu, batchNormTraining, conv2d, resizeBilinear, resizeNearest } from './ops/index.js';
export { UserError, UsageError } from './errors.js';

export { createModel, type CreateModelOptions } from './convert/create-model.js';
export { pretrainedSource } from './convert/hub/pretrained-source.js';
export { resolveWeights } from './convert/hub/resolve-weights.js';
export type { FetchOptions, FetchProgress, FetchTiming } from './runtime/fetch/fetch-options.js';
export { convertCheckpoint, type ConvertOptions, type ConvertResult } from './convert/convert.js';
export { loadModel, type LoadedModel, type LoadOptions } from './convert/load-weights.js';
export { openCheckpoint, writeSafetensors, writeTorch } from './convert/files.js';
export { readCheckpoint, type Checkpoint } from './convert/checkpoint.js';
export { CheckpointError } from './convert/checkpoint-error.js';
export {
  blobSource,
  bufferSource,
  sourceFolder,
  type ByteSource,
  type SourceFolder,
} from './convert/source/byte-source.js';
export { httpSource, type HttpSourceOptions } from './convert/source/http-source.js';

export { createTransform, openImage, resolveModelDataConfig } from './data/create-transform.js';
export { createLoader, decodeImage, evalTransform, openDataset, trainTransform } from './data/index.js';

export { evaluate } from './eval/evaluate.js';
export { evaluateData, type EvaluateDataOptions, type EvaluationReport } from './eval/evaluate-data.js';
export { IMAGENET_CLASSES } from './eval/imagenet-classes.js';
export { loadClassifier, type Classifier, type ClassifierOptions } from './eval/load-classifier.js';
export { Predictor, type Prediction } from './eval/predict.js';
export { verifyCheckpoint, type VerifyResult } from './eval/verify/verify.js';

export { flagLayer, readConfigFile } from './train/load-config.js';
export type { RunConfig, RunConfigInput } from './train/config.js';
export { resumeRun, startRun, type RunHooks } from './train/run.js';
export type { TrainResult } from './train/train.js';
export { selectBackend, type BackendName } from './runtime/backend.js';
export {
  finetune,
  type FinetuneHooks,
  type FinetuneOptions,
  type FinetuneResult,
} from './finetune/finetune.js';
export { evaluateRun } from './report/evaluate-run.js';
export { writeReport, type ReportResult } from './report/write-report.js';
