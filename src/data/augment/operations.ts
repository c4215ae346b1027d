import type { Draws } from '../random.js';
import type { RgbImage } from '../rgb-image.js';
import type { AffineInterpolation, AffineOptions } from './affine.js';
import { gaussianBlur } from './blur.js';
import { brightness, color, contrast, sharpness } from './enhance.js';
import { rotate, shearX, shearY, translateX, translateY } from './geometry.js';
import { autoContrast, equalize } from './histogram.js';
import { invert, posterize, solarize, solarizeAdd } from './lookup.js';

/** What the operations depend on beside their magnitude: timm's `hparams`. */
export interface OperationSettings {
  /** Colour of what a geometric operation uncovers: the mean colour, as bytes. */
  readonly fill: readonly [number, number, number];
  /** `random`: bilinear or bicubic, drawn for each operation. */
  readonly interpolation: AffineInterpolation | 'random';
  /** Pixels that TranslateX and TranslateY shift by at magnitude 10: 45 % of the shorter side of the input. */
  readonly translate: number;
}

/** From a magnitude of 0 … 10 to the operation's argument. */
type Argument = (level: number, draws: Draws, settings: OperationSettings) => number;

export interface Operation {
  /** Undefined: the operation has none. */
  readonly argument?: Argument;
  apply(image: RgbImage, argument: number, settings: OperationSettings, draws: Draws): RgbImage;
}

/** Magnitude at which an operation is at its strongest (timm's `_LEVEL_DENOM`); more is possible with `mmax`. */
export const FULL_MAGNITUDE = 10;

/** timm negates in half of the draws above one half. */
const negatedAtRandom = (value: number, draws: Draws): number => (draws.uniform() > 0.5 ? -value : value);

const signed =
  (max: number): Argument =>
  (level, draws) =>
    negatedAtRandom((level / FULL_MAGNITUDE) * max, draws);

const enhanceLevel: Argument = (level) => (level / FULL_MAGNITUDE) * 1.8 + 0.1;
const enhanceIncreasing: Argument = (level, draws) =>
  Math.max(0.1, 1 + negatedAtRandom((level / FULL_MAGNITUDE) * 0.9, draws));

const between =
  (min: number, max: number): Argument =>
  (level) =>
    Math.min(Math.max(min + (max - min) * (level / FULL_MAGNITUDE), min), max);

const posterizeBits = (level: number): number => Math.trunc((level / FULL_MAGNITUDE) * 4);
const solarizeThreshold = (level: number): number =>
  Math.min(256, Math.trunc((level / FULL_MAGNITUDE) * 256));

const translateAbsolute: Argument = (level, draws, { translate }) =>
  negatedAtRandom((level / FULL_MAGNITUDE) * translate, draws);

const geometric =
  (transform: (image: RgbImage, argument: number, options: AffineOptions) => RgbImage): Operation['apply'] =>
  (image, argument, { fill, interpolation }, draws) =>
    transform(image, argument, { fill, interpolation: chosen(interpolation, draws) });

function chosen(interpolation: OperationSettings['interpolation'], draws: Draws): AffineInterpolation {
  if (interpolation !== 'random') return interpolation;
  return draws.uniform() < 0.5 ? 'bilinear' : 'bicubic';
}

/**
 * timm's operations by their names (timm/data/auto_augment.py). «Increasing» ones grow stronger with the magnitude, where the original
 * papers' do not.
 */
export const OPERATIONS = {
  AutoContrast: { apply: autoContrast },
  Equalize: { apply: equalize },
  Invert: { apply: invert },
  Rotate: { argument: signed(30), apply: geometric(rotate) },
  Posterize: { argument: posterizeBits, apply: posterize },
  PosterizeIncreasing: { argument: (level) => 4 - posterizeBits(level), apply: posterize },
  PosterizeOriginal: { argument: (level) => 4 + posterizeBits(level), apply: posterize },
  Solarize: { argument: solarizeThreshold, apply: solarize },
  SolarizeIncreasing: { argument: (level) => 256 - solarizeThreshold(level), apply: solarize },
  SolarizeAdd: {
    argument: (level) => Math.min(128, Math.trunc((level / FULL_MAGNITUDE) * 110)),
    apply: solarizeAdd,
  },
  Color: { argument: enhanceLevel, apply: color },
  ColorIncreasing: { argument: enhanceIncreasing, apply: color },
  Contrast: { argument: enhanceLevel, apply: contrast },
  ContrastIncreasing: { argument: enhanceIncreasing, apply: contrast },
  Brightness: { argument: enhanceLevel, apply: brightness },
  BrightnessIncreasing: { argument: enhanceIncreasing, apply: brightness },
  Sharpness: { argument: enhanceLevel, apply: sharpness },
  SharpnessIncreasing: { argument: enhanceIncreasing, apply: sharpness },
  ShearX: { argument: signed(0.3), apply: geometric(shearX) },
  ShearY: { argument: signed(0.3), apply: geometric(shearY) },
  TranslateX: { argument: translateAbsolute, apply: geometric(translateX) },
  TranslateY: { argument: translateAbsolute, apply: geometric(translateY) },
  TranslateXRel: {
    argument: signed(0.45),
    apply: geometric((image, share, options) => translateX(image, share * image.width, options)),
  },
  TranslateYRel: {
    argument: signed(0.45),
    apply: geometric((image, share, options) => translateY(image, share * image.height, options)),
  },
  Desaturate: {
    argument: between(0.5, 1),
    apply: (image, share) => color(image, Math.min(1, Math.max(0, 1 - share))),
  },
  GaussianBlur: { argument: between(0.1, 2), apply: gaussianBlur },
  GaussianBlurRand: {
    argument: between(0, 1),
    apply: (image, share, _settings, draws) => gaussianBlur(image, 0.1 + (2 * share - 0.1) * draws.uniform()),
  },
} satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;

/** How one operation of a policy is drawn. */
export interface PolicyStep {
  readonly name: OperationName;
  readonly probability: number;
  readonly magnitude: number;
  /** Deviation of the magnitude; Infinity: uniform from 0 to `magnitude`. Default 0. */
  readonly deviation?: number;
  /** Upper bound of a drawn magnitude. Default 10. */
  readonly maximum?: number;
}

/** timm's `AugmentOp`: applied with its probability, at a magnitude drawn around its own. */
export function applyStep(
  image: RgbImage,
  step: PolicyStep,
  settings: OperationSettings,
  draws: Draws,
): RgbImage {
  const { name, probability, deviation = 0, maximum = FULL_MAGNITUDE } = step;
  if (probability < 1 && draws.uniform() > probability) return image;
  let { magnitude } = step;
  if (deviation === Infinity) magnitude *= draws.uniform();
  else if (deviation > 0) magnitude += deviation * draws.normal();
  magnitude = Math.min(Math.max(magnitude, 0), maximum);
  const operation: Operation = OPERATIONS[name];
  const argument = operation.argument?.(magnitude, draws, settings) ?? 0;
  return operation.apply(image, argument, settings, draws);
}
