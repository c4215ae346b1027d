export { isMixing, type MixingConfig, type MixingMode } from './config.js';
export { createMixing, type MixableBatch, type Mixing, type StepAddress } from './mixing.js';
