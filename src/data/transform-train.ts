import { UsageError } from '../errors.js';
import { autoAugmentation, keepsColorJitter } from './augment/auto-augment.js';
import type { Augmentation } from './augment/augmentation.js';
import { colorJitter } from './augment/color-jitter.js';
import { mirrored, upsideDown } from './augment/flip.js';
import { checkErasing, eraseAtRandom, type ErasingMode } from './augment/random-erasing.js';
import { resizedCropBox } from './augment/resized-crop.js';
import { threeAugment } from './augment/three-augment.js';
import type { Interpolation } from './filters.js';
import { RandomStream, type Purpose, type SampleAddress } from './random.js';
import { resample } from './resample.js';
import { crop, type RgbImage } from './rgb-image.js';
import { evalGeometry } from './transform-eval.js';
import {
  fillColour,
  isSmallInput,
  withNormalisation,
  type ImageTransform,
  type TransformConfig,
} from './transform.js';

/** timm's training options, by their flags. Left away: random resized crop and horizontal flip, nothing else. */
export interface TrainConfig extends TransformConfig {
  /** Share of the picture's area that a crop covers (`--scale`). Default 0.08 to 1. */
  readonly scale?: readonly [min: number, max: number];
  /** Width by height of a crop (`--ratio`). Default 3/4 to 4/3. */
  readonly ratio?: readonly [min: number, max: number];
  /** Filter of the crop and of geometric augmentations (`--train-interpolation`); `random`: bilinear or bicubic. Default `interpolation`. */
  readonly trainInterpolation?: Interpolation | 'random';
  /** Probability of a horizontal flip (`--hflip`). Default 0.5; 0 for what may not be mirrored, such as digits. */
  readonly hflip?: number;
  /** Probability of a vertical flip (`--vflip`). Default 0. */
  readonly vflip?: number;
  /** AutoAugment or RandAugment policy (`--aa`): `rand-m9-mstd0.5-inc1`, `original`, `v0`, …; `none`: none. Default none. */
  readonly aa?: string;
  /** Strength of brightness, contrast and saturation jitter (`--color-jitter`). As in timm, off beside `aa`. Default 0. */
  readonly colorJitter?: number;
  /** 3-Augment in place of `aa` and of random erasing (`--three-augment`), color jitter stays. Default false. */
  readonly threeAugment?: boolean;
  /** Probability of random erasing (`--reprob`). Default 0. */
  readonly reprob?: number;
  /** `--remode`. Default `pixel`. */
  readonly remode?: ErasingMode;
  /** Erased boxes of a picture at most (`--recount`). Default 1. */
  readonly recount?: number;
}

/** Pixels that are added on each side before the crop of a small input. */
const PADDING = 4;

/**
 * The training pipeline of timm and of the reference: random resized crop, flips, then AutoAugment or RandAugment, or 3-Augment, color
 * jitter, normalisation, random erasing. Each draws from its own stream of the sample's address, so that switching one on or off leaves
 * the others' draws as they are. Inputs up to 32 are padded with 4 black pixels a side and cropped back in place of the resized crop
 * (reference's rule); pictures of another size are first brought to it as in evaluation.
 *
 * @throws UsageError naming the option that is out of its range.
 */
export function trainTransform(config: TrainConfig): ImageTransform {
  const { inputSize, passOrder, scale = [0.08, 1], ratio = [3 / 4, 4 / 3], hflip = 0.5, vflip = 0 } = config;
  const [, height, width] = inputSize;
  checkRange('scale', scale, 1);
  checkRange('ratio', ratio, Infinity);
  checkProbability('hflip', hflip);
  checkProbability('vflip', vflip);
  const small = isSmallInput(height, width);
  const { interpolation, trainInterpolation = interpolation } = config;
  const steps = augmentations(config);

  function cropped(image: RgbImage, address: SampleAddress): RgbImage {
    const draws = new RandomStream(address, 'crop');
    const uniform = (): number => draws.uniform();
    const region = resizedCropBox(image.width, image.height, scale, ratio, uniform);
    const drawn =
      trainInterpolation !== 'random'
        ? trainInterpolation
        : new RandomStream(address, 'interpolation').uniform() < 0.5
          ? 'bilinear'
          : 'bicubic';
    return resample(image, { width, height, interpolation: drawn, passOrder, region });
  }

  function paddedCrop(image: RgbImage, address: SampleAddress): RgbImage {
    const draws = new RandomStream(address, 'crop');
    const geometry = evalGeometry(image.width, image.height, { inputSize, cropPct: 1, cropMode: 'center' });
    const fitted = resample(image, { ...geometry, interpolation, passOrder });
    const top = Math.floor(draws.uniform() * (2 * PADDING + 1)) - PADDING;
    const left = Math.floor(draws.uniform() * (2 * PADDING + 1)) - PADDING;
    return crop(fitted, { left, top, width, height });
  }

  const happens = (probability: number, address: SampleAddress, purpose: Purpose): boolean =>
    probability > 0 && new RandomStream(address, purpose).uniform() < probability;

  const transform = withNormalisation(
    config,
    (image, address) => {
      let pixels = small ? paddedCrop(image, address) : cropped(image, address);
      if (happens(hflip, address, 'flip')) pixels = mirrored(pixels);
      if (happens(vflip, address, 'verticalFlip')) pixels = upsideDown(pixels);
      for (const [purpose, augment] of steps) pixels = augment(pixels, new RandomStream(address, purpose));
      return pixels;
    },
    erasing(config),
  );
  return { ...transform, description: { kind: 'train', config } };
}

/** What comes between flips and normalisation, in timm's order. */
function augmentations(config: TrainConfig): (readonly [Purpose, Augmentation])[] {
  const { inputSize, mean, aa = 'none', interpolation, trainInterpolation = interpolation } = config;
  const jitter = ['colorJitter', colorJitter(config.colorJitter ?? 0)] as const;
  if (config.threeAugment) return [['threeAugment', threeAugment], jitter];
  if (aa === 'none') return [jitter];
  const policy = autoAugmentation(aa, {
    fill: fillColour(mean),
    // Pillow's affine transform knows no other filters: those of resizing alone are replaced by the bicubic one.
    interpolation:
      trainInterpolation === 'bilinear' || trainInterpolation === 'random' ? trainInterpolation : 'bicubic',
    translate: Math.trunc(Math.min(inputSize[1], inputSize[2]) * 0.45),
  });
  return keepsColorJitter(aa) ? [['autoAugment', policy], jitter] : [['autoAugment', policy]];
}

/** Random erasing of the normalised values; undefined: off. */
function erasing({
  inputSize: [, height, width],
  threeAugment: three = false,
  reprob: probability = 0,
  remode: mode = 'pixel',
  recount: count = 1,
}: TrainConfig): ((values: Float32Array, offset: number, address: SampleAddress) => void) | undefined {
  const config = { probability, mode, count };
  checkErasing(config);
  if (probability === 0 || three) return undefined;
  return (values, offset, address) =>
    eraseAtRandom(config, values, offset, height, width, new RandomStream(address, 'erasing'));
}

function checkProbability(name: string, value: number): void {
  if (!(value >= 0 && value <= 1))
    throw new UsageError(`${name}: expected a probability from 0 to 1, found ${value}.`);
}

function checkRange(name: string, [min, max]: readonly [number, number], limit: number): void {
  if (!(min > 0 && min <= max && max <= limit))
    throw new UsageError(
      `${name}: expected two numbers, 0 < min <= max${limit === Infinity ? '' : ` <= ${limit}`}, found ${min} ${max}.`,
    );
}
