import type { DataConfig } from './image-model.js';
import type { RecNextConfig } from './recnext-config.js';

export const IMAGENET_MEAN = [0.485, 0.456, 0.406] as const;
export const IMAGENET_STD = [0.229, 0.224, 0.225] as const;

/** How every published RecNeXt was evaluated: short side to size / 0.875, bicubic, centre crop, ImageNet mean and std. */
export function recNextDataConfig({
  inChans,
  imgSize,
}: Pick<RecNextConfig, 'inChans' | 'imgSize'>): DataConfig {
  return {
    inputSize: [inChans, ...imgSize],
    mean: perChannel(IMAGENET_MEAN, inChans),
    std: perChannel(IMAGENET_STD, inChans),
    interpolation: 'bicubic',
    cropPct: 0.875,
    cropMode: 'center',
  };
}

/** The three ImageNet values for three channels; their mean for any other number of channels. */
function perChannel(values: readonly number[], channels: number): number[] {
  if (channels === values.length) return [...values];
  return Array<number>(channels).fill(values.reduce((sum, value) => sum + value, 0) / values.length);
}
