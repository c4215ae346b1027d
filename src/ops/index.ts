/**
 * Operations that TF.js lacks or gets wrong. Importing this module registers their kernels and gradients, once however often
 * it is imported.
 */
import { registerAdamW } from './adamw.js';
import { registerAdaptiveClip } from './adaptive-clip.js';
import { registerBatchNorm } from './batch-norm.js';
import { registerConv2d } from './conv2d.js';
import { registerGelu } from './gelu.js';
import { registerLerp } from './lerp.js';
import { registerResizes } from './resize.js';
import { registerWasmConvGradients } from './wasm-conv-gradients.js';
import { registerWasmSegmentSum } from './wasm-segment-sum.js';

registerWasmConvGradients();
registerWasmSegmentSum();
registerGelu();
registerBatchNorm();
registerResizes();
registerConv2d();
registerAdamW();
registerAdaptiveClip();
registerLerp();

export { adamW, type AdamWAttrs, type AdamWInputs } from './adamw.js';
export { adaptiveClip, type AdaptiveClipAttrs } from './adaptive-clip.js';
export { batchNormTraining, type BatchNormResult } from './batch-norm.js';
export { conv2d, type Conv2dOptions } from './conv2d.js';
export { gelu } from './gelu.js';
export { lerp } from './lerp.js';
export { resizeBilinear, resizeNearest } from './resize.js';
