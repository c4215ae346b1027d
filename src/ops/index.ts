/**
 * Operations that TF.js lacks or gets wrong. Importing this module registers their kernels and gradients, once however often
 * it is imported.
 */
import { registerAdamW } from './adamw.js';
import { registerBatchNorm } from './batch-norm.js';
import { registerConv2d } from './conv2d.js';
import { registerGelu } from './gelu.js';
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

export { adamW, type AdamWAttrs, type AdamWInputs } from './adamw.js';
export { batchNormTraining, type BatchNormResult } from './batch-norm.js';
export { conv2d, type Conv2dOptions } from './conv2d.js';
export { gelu } from './gelu.js';
export { resizeBilinear, resizeNearest } from './resize.js';
