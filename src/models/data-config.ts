import type { DataConfig, Preprocessing } from './image-model.js';

export const IMAGENET_MEAN = [0.485, 0.456, 0.406] as const;
export const IMAGENET_STD = [0.229, 0.224, 0.225] as const;

/**
 * How a model wants its images: short side to size / cropPct, bicubic, centre crop, ImageNet mean and std, but for what
 * `preprocessing` says otherwise. Means and deviations for another number of channels than the model has are left out.
 */
export function dataConfigOf(
  { inChans, imgSize }: { inChans: number; imgSize: readonly [number, number] },
  cropPct: number,
  { mean, std, ...rest }: Preprocessing = {},
): DataConfig {
  const fits = mean?.length === inChans && std?.length === inChans;
  return {
    inputSize: [inChans, ...imgSize],
    mean: fits ? mean : perChannel(IMAGENET_MEAN, inChans),
    std: fits ? std : perChannel(IMAGENET_STD, inChans),
    interpolation: 'bicubic',
    cropPct,
    cropMode: 'center',
    ...rest,
  };
}

/** The three ImageNet values for three channels; their mean for any other number of channels. */
function perChannel(values: readonly number[], channels: number): number[] {
  if (channels === values.length) return [...values];
  return Array<number>(channels).fill(values.reduce((sum, value) => sum + value, 0) / values.length);
}
