import { UsageError } from '../../errors.js';

/** For whom one set of mixing parameters is drawn: the whole batch, each pair of partners, or each picture by itself. */
export type MixingMode = 'batch' | 'pair' | 'elem';

/** timm's options of Mixup and CutMix, by their flags. */
export interface MixingConfig {
  readonly numClasses: number;
  /** Mixup's alpha; 0: no Mixup (`--mixup`). Default 0. */
  readonly mixup?: number;
  /** CutMix' alpha; 0: no CutMix (`--cutmix`). Default 0. */
  readonly cutmix?: number;
  /** Sides of the CutMix box as shares of the picture's, in place of an area drawn from Beta (`--cutmix-minmax`); switches CutMix on. */
  readonly cutmixMinmax?: readonly [min: number, max: number];
  /** Probability that a batch (pair, picture) is mixed at all (`--mixup-prob`). Default 1. */
  readonly mixupProb?: number;
  /** Probability of CutMix where both are on (`--mixup-switch-prob`). Default 0.5. */
  readonly mixupSwitchProb?: number;
  /** `--mixup-mode`. Default `batch`. */
  readonly mixupMode?: MixingMode;
  /** Epoch from which nothing is mixed any more; 0: never (`--mixup-off-epoch`). Default 0. */
  readonly mixupOffEpoch?: number;
  /** Label smoothing of the targets (`--smoothing`). Default 0.1. */
  readonly smoothing?: number;
}

/** The same with nothing left open. `cutmix` is 1 where a `cutmixMinmax` is given, as in timm. */
export interface CheckedMixing extends Required<Omit<MixingConfig, 'cutmixMinmax'>> {
  readonly cutmixMinmax: readonly [number, number] | undefined;
}

/** Whether anything is mixed: without it the reference trains on labels and smooths them in the loss. */
export function isMixing({ mixup = 0, cutmix = 0, cutmixMinmax }: Partial<MixingConfig>): boolean {
  return mixup > 0 || cutmix > 0 || cutmixMinmax !== undefined;
}

/** @throws UsageError naming the option that is out of its range. */
export function checkMixing(config: MixingConfig): CheckedMixing {
  const {
    numClasses,
    mixup = 0,
    cutmix = 0,
    cutmixMinmax,
    mixupProb = 1,
    mixupSwitchProb = 0.5,
    mixupMode = 'batch',
    mixupOffEpoch = 0,
    smoothing = 0.1,
  } = config;
  for (const [name, alpha] of [
    ['mixup', mixup],
    ['cutmix', cutmix],
  ] as const)
    if (!(alpha >= 0 && alpha < Infinity))
      throw new UsageError(`${name}: expected an alpha of 0 (off) or more, found ${alpha}.`);
  for (const [name, share] of [
    ['mixup-prob', mixupProb],
    ['mixup-switch-prob', mixupSwitchProb],
    ['smoothing', smoothing],
  ] as const)
    if (!(share >= 0 && share <= 1))
      throw new UsageError(`${name}: expected a number from 0 to 1, found ${share}.`);
  if (cutmixMinmax !== undefined) {
    const [min, max] = cutmixMinmax;
    if (!(min >= 0 && min < max && max <= 1))
      throw new UsageError(`cutmix-minmax: expected two shares, 0 <= min < max <= 1, found ${min} ${max}.`);
  }
  return {
    numClasses,
    mixup,
    cutmix: cutmixMinmax === undefined ? cutmix : 1,
    cutmixMinmax,
    mixupProb,
    mixupSwitchProb,
    mixupMode,
    mixupOffEpoch,
    smoothing,
  };
}
