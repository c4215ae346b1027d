import type { Draws } from '../random.js';
import { symmetricBeta } from './beta.js';
import type { CheckedMixing } from './config.js';
import { drawBox, drawMinmaxBox, shareOutside } from './cutmix-box.js';
import type { Mix } from './apply.js';

/** How one unit (batch, pair or picture) is mixed, and the share of its own label. */
export interface DrawnMix {
  readonly mix: Mix;
  readonly lam: number;
}

/**
 * Draws how one unit is mixed: whether at all, CutMix or Mixup, lam ~ Beta(alpha, alpha), for CutMix the box, in this order. lam is
 * then corrected to the part of the box that lies inside the picture.
 */
export function drawMix(config: CheckedMixing, height: number, width: number, draws: Draws): DrawnMix {
  const { mixup, cutmix, cutmixMinmax, mixupProb, mixupSwitchProb } = config;
  if (draws.uniform() >= mixupProb) return { mix: undefined, lam: 1 };
  const cuts = mixup > 0 && cutmix > 0 ? draws.uniform() < mixupSwitchProb : cutmix > 0;
  const lam = symmetricBeta(cuts ? cutmix : mixup, draws);
  if (lam === 1) return { mix: undefined, lam };
  if (!cuts) return { mix: { lam }, lam };
  const box =
    cutmixMinmax === undefined
      ? drawBox(height, width, lam, draws)
      : drawMinmaxBox(height, width, cutmixMinmax, draws);
  return { mix: { box }, lam: shareOutside(box, height, width) };
}

/** The mixing of each picture of a batch. */
export function drawMixes(
  config: CheckedMixing,
  [batch, height, width]: readonly [number, number, number, number],
  draws: Draws,
): DrawnMix[] {
  const draw = (): DrawnMix => drawMix(config, height, width, draws);
  switch (config.mixupMode) {
    case 'batch': {
      const all = draw();
      return Array.from({ length: batch }, () => all);
    }
    case 'pair': {
      const pairs = Array.from({ length: batch / 2 }, draw);
      return [...pairs, ...pairs.toReversed()];
    }
    case 'elem':
      return Array.from({ length: batch }, draw);
  }
}
