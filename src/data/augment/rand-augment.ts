import { UsageError } from '../../errors.js';
import type { Draws } from '../random.js';
import type { Augmentation } from './augmentation.js';
import { applyStep, type OperationName, type OperationSettings } from './operations.js';
import { policySections, wholeNumber, type PolicySection } from './policy-text.js';

/** What a policy string such as `rand-m9-mstd0.5-inc1` says. */
export interface RandAugmentPolicy {
  readonly operations: readonly OperationName[];
  /** Chance of each operation to be drawn; undefined: the same for all, drawn with replacement. */
  readonly weights: readonly number[] | undefined;
  /** Operations drawn for each picture (`n`). */
  readonly layers: number;
  /** `m`. */
  readonly magnitude: number;
  /** `mstd`; above 100 uniform: Infinity. */
  readonly deviation: number;
  /** `mmax`. */
  readonly maximum: number | undefined;
  /** Chance of a drawn operation to be applied (`p`). */
  readonly probability: number;
}

const INCREASING: readonly OperationName[] = [
  'AutoContrast',
  'Equalize',
  'Invert',
  'Rotate',
  'PosterizeIncreasing',
  'SolarizeIncreasing',
  'SolarizeAdd',
  'ColorIncreasing',
  'ContrastIncreasing',
  'BrightnessIncreasing',
  'SharpnessIncreasing',
  'ShearX',
  'ShearY',
  'TranslateXRel',
  'TranslateYRel',
];

const ORIGINAL = INCREASING.map((name) => name.replace('Increasing', '') as OperationName);

type Weights = Partial<Record<OperationName, number>>;

/** timm's set `weights`. */
const WEIGHTED: Weights = {
  Rotate: 3,
  ShearX: 2,
  ShearY: 2,
  TranslateXRel: 1,
  TranslateYRel: 1,
  ColorIncreasing: 0.25,
  SharpnessIncreasing: 0.25,
  AutoContrast: 0.25,
  SolarizeIncreasing: 0.05,
  SolarizeAdd: 0.05,
  ContrastIncreasing: 0.05,
  BrightnessIncreasing: 0.05,
  Equalize: 0.05,
  PosterizeIncreasing: 0.05,
  Invert: 0.05,
};

/** timm's set `3aw`. */
const WEIGHTED_3A: Weights = {
  SolarizeIncreasing: 6,
  Desaturate: 6,
  GaussianBlur: 6,
  Rotate: 3,
  ShearX: 2,
  ShearY: 2,
  PosterizeIncreasing: 1,
  AutoContrast: 1,
  ColorIncreasing: 1,
  SharpnessIncreasing: 1,
  ContrastIncreasing: 1,
  BrightnessIncreasing: 1,
  Equalize: 1,
  Invert: 1,
};

/** `w0` of timm before 0.9, for the operations by their plain names; those absent are never drawn. */
const WEIGHTED_W0: Weights = {
  Rotate: 0.3,
  ShearX: 0.2,
  ShearY: 0.2,
  TranslateXRel: 0.1,
  TranslateYRel: 0.1,
  Color: 0.025,
  Sharpness: 0.025,
  AutoContrast: 0.025,
  Solarize: 0.005,
  SolarizeAdd: 0.005,
  Contrast: 0.005,
  Brightness: 0.005,
  Equalize: 0.005,
};

/**
 * Reads timm's RandAugment string: `rand`, then in any order `m` magnitude, `n` operations a picture, `p` probability, `mstd` deviation
 * of the magnitude (above 100: uniform), `mmax` its upper bound, `inc1` for the increasing operations, `t` a set of them (`weights`, `3a`,
 * `3aw`), `w0` the weights of earlier timm.
 *
 * @throws UsageError naming the section that isn't understood.
 */
export function parseRandAugment(text: string): RandAugmentPolicy {
  const sections = policySections(text, ['m', 'n', 'p', 'mstd', 'mmax', 'inc', 't', 'w']);
  const find = (key: string): PolicySection | undefined => sections.find((section) => section.key === key);
  const whole = (key: string, min: number): number | undefined => {
    const section = find(key);
    return section && wholeNumber(text, section, min);
  };
  const deviation = Number(find('mstd')?.value ?? 0);
  const probability = Number(find('p')?.value ?? 0.5);
  if (probability > 1)
    throw new UsageError(`aa: expected a probability of at most 1 in "p${probability}" of "${text}".`);
  const layers = whole('n', 1) ?? 2;
  const set = operationSet(text, find('t')?.value, find('w')?.value, (whole('inc', 0) ?? 0) !== 0);
  const drawable = set.weights?.filter((weight) => weight > 0).length ?? Infinity;
  if (layers > drawable)
    throw new UsageError(`aa: "${text}" draws ${layers} of ${drawable} operations without replacement.`);
  return {
    ...set,
    layers,
    magnitude: whole('m', 0) ?? 10,
    deviation: deviation > 100 ? Infinity : deviation,
    maximum: whole('mmax', 1),
    probability,
  };
}

function operationSet(
  text: string,
  set: string | undefined,
  weightIndex: string | undefined,
  increasing: boolean,
): Pick<RandAugmentPolicy, 'operations' | 'weights'> {
  const all = increasing ? INCREASING : ORIGINAL;
  if (weightIndex !== undefined) {
    if (weightIndex !== '0' || set !== undefined)
      throw new UsageError(`aa: of "w" there is only "w0", without "t", found "${text}".`);
    return { operations: all, weights: ORIGINAL.map((name) => WEIGHTED_W0[name] ?? 0) };
  }
  switch (set) {
    case undefined:
      return { operations: all, weights: undefined };
    case '3a':
      return { operations: ['SolarizeIncreasing', 'Desaturate', 'GaussianBlur'], weights: undefined };
    case 'weights':
      return weighted(WEIGHTED);
    case '3aw':
      return weighted(WEIGHTED_3A);
    default:
      throw new UsageError(`aa: expected tweights, t3a or t3aw, found "t${set}" in "${text}".`);
  }
}

function weighted(weights: Weights): Pick<RandAugmentPolicy, 'operations' | 'weights'> {
  return { operations: Object.keys(weights) as OperationName[], weights: Object.values(weights) };
}

/** RandAugment (Cubuk et al. 2020) as timm has it: `layers` operations drawn, each applied with its probability at a drawn magnitude. */
export function randAugment(policy: RandAugmentPolicy, settings: OperationSettings): Augmentation {
  const { operations, weights, layers } = policy;
  return (image, draws) => {
    const chosen =
      weights === undefined
        ? Array.from({ length: layers }, () => Math.floor(draws.uniform() * operations.length))
        : drawDistinct(weights, layers, draws);
    return chosen.reduce(
      (result, i) => applyStep(result, { ...policy, name: operations[i]! }, settings, draws),
      image,
    );
  };
}

/** `count` different indices, each drawn in proportion to the weights of those left. */
function drawDistinct(weights: readonly number[], count: number, draws: Draws): number[] {
  const left = [...weights];
  return Array.from({ length: count }, () => {
    let position = draws.uniform() * left.reduce((sum, weight) => sum + weight, 0);
    let last = 0;
    for (const [i, weight] of left.entries()) {
      if (weight === 0) continue;
      last = i;
      position -= weight;
      if (position < 0) break;
    }
    left[last] = 0;
    return last;
  });
}
