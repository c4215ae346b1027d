import { UsageError } from '../errors.js';
import { RandomStream } from './random.js';
import { resample } from './resample.js';
import { crop, type Box, type RgbImage } from './rgb-image.js';
import { roundHalfEven } from './round.js';
import { evalGeometry } from './transform-eval.js';
import { isSmallInput, withNormalisation, type ImageTransform, type TransformConfig } from './transform.js';

export interface TrainConfig extends TransformConfig {
  /** Share of the picture's area that a crop covers (timm's `--scale`). Default 0.08 to 1. */
  readonly scale?: readonly [min: number, max: number];
  /** Width by height of a crop (timm's `--ratio`). Default 3/4 to 4/3. */
  readonly ratio?: readonly [min: number, max: number];
  /** Probability of a horizontal flip (timm's `--hflip`). Default 0.5; 0 for what may not be mirrored, such as digits. */
  readonly hflip?: number;
}

/** Pixels that are added on each side before the crop of a small input. */
const PADDING = 4;

/**
 * The geometric part of the training pipeline: random resized crop, then horizontal flip, then normalisation. Inputs up to 32 are
 * padded with 4 black pixels a side and cropped back instead (reference's rule); pictures of another size are first brought to it
 * as in evaluation.
 */
export function trainTransform(config: TrainConfig): ImageTransform {
  const {
    inputSize,
    interpolation,
    passOrder,
    scale = [0.08, 1],
    ratio = [3 / 4, 4 / 3],
    hflip = 0.5,
  } = config;
  const [, height, width] = inputSize;
  checkRange('scale', scale, 1);
  checkRange('ratio', ratio, Infinity);
  if (!(hflip >= 0 && hflip <= 1))
    throw new UsageError(`hflip: expected a probability from 0 to 1, found ${hflip}.`);
  const small = isSmallInput(height, width);

  function paddedCrop(image: RgbImage, uniform: () => number): RgbImage {
    const geometry = evalGeometry(image.width, image.height, { inputSize, cropPct: 1, cropMode: 'center' });
    const fitted = resample(image, { ...geometry, interpolation, passOrder });
    const top = Math.floor(uniform() * (2 * PADDING + 1)) - PADDING;
    const left = Math.floor(uniform() * (2 * PADDING + 1)) - PADDING;
    return crop(fitted, { left, top, width, height });
  }

  return withNormalisation(config, (image, address) => {
    const draws = new RandomStream(address, 'crop');
    const uniform = (): number => draws.uniform();
    const pixels = small
      ? paddedCrop(image, uniform)
      : resample(image, {
          width,
          height,
          interpolation,
          passOrder,
          region: resizedCropBox(image.width, image.height, scale, ratio, uniform),
        });
    return hflip > 0 && new RandomStream(address, 'flip').uniform() < hflip ? mirrored(pixels) : pixels;
  });
}

/**
 * The box of timm's RandomResizedCrop for the given uniforms in [0, 1): ten attempts of (area, aspect) and where it fits (top, left);
 * after them the largest centred box within the ratios.
 */
export function resizedCropBox(
  width: number,
  height: number,
  scale: readonly [number, number],
  ratio: readonly [number, number],
  uniform: () => number,
): Box {
  const between = (min: number, max: number): number => min + (max - min) * uniform();
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = between(...scale) * (width * height);
    const aspect = Math.exp(between(Math.log(ratio[0]), Math.log(ratio[1])));
    const boxWidth = roundHalfEven(Math.sqrt(area * aspect));
    const boxHeight = roundHalfEven(Math.sqrt(area / aspect));
    // A picture of a few pixels can give an empty box: Pillow would fail on it, so it counts as one that doesn't fit.
    if (boxWidth < 1 || boxHeight < 1 || boxWidth > width || boxHeight > height) continue;
    const top = Math.floor(uniform() * (height - boxHeight + 1));
    const left = Math.floor(uniform() * (width - boxWidth + 1));
    return { left, top, width: boxWidth, height: boxHeight };
  }
  const aspect = Math.min(Math.max(width / height, ratio[0]), ratio[1]);
  const boxWidth = aspect < width / height ? Math.max(1, roundHalfEven(height * aspect)) : width;
  const boxHeight = aspect > width / height ? Math.max(1, roundHalfEven(width / aspect)) : height;
  return {
    left: Math.floor((width - boxWidth) / 2),
    top: Math.floor((height - boxHeight) / 2),
    width: boxWidth,
    height: boxHeight,
  };
}

/** Left and right exchanged. */
export function mirrored({ width, height, data: source }: RgbImage): RgbImage {
  const data = new Uint8Array(source.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 3;
      const to = (y * width + width - 1 - x) * 3;
      data[to] = source[from]!;
      data[to + 1] = source[from + 1]!;
      data[to + 2] = source[from + 2]!;
    }
  return { width, height, data };
}

function checkRange(name: string, [min, max]: readonly [number, number], limit: number): void {
  if (!(min > 0 && min <= max && max <= limit))
    throw new UsageError(
      `${name}: expected two numbers, 0 < min <= max${limit === Infinity ? '' : ` <= ${limit}`}, found ${min} ${max}.`,
    );
}
