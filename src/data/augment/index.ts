export { autoAugmentation, keepsColorJitter } from './auto-augment.js';
export type { Augmentation } from './augmentation.js';
export { colorJitter } from './color-jitter.js';
export { parseRandAugment, type RandAugmentPolicy } from './rand-augment.js';
export type { ErasingMode } from './random-erasing.js';
