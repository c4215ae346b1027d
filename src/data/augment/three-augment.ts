import type { Augmentation } from './augmentation.js';
import { gaussianBlur } from './blur.js';
import { grayscale } from './enhance.js';
import { solarize } from './lookup.js';

/** Deviations of the blur, pixels. */
const MIN_SIGMA = 0.1;
const MAX_SIGMA = 2;

/** 3-Augment (Touvron et al. 2022, "DeiT III") as the reference has it: gray, solarized at 128 or blurred, one of the three. */
export const threeAugment: Augmentation = (image, draws) => {
  switch (Math.floor(draws.uniform() * 3)) {
    case 0:
      return grayscale(image);
    case 1:
      return solarize(image, 128);
    default:
      return gaussianBlur(image, MIN_SIGMA + (MAX_SIGMA - MIN_SIGMA) * draws.uniform());
  }
};
