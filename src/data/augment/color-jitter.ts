import { UsageError } from '../../errors.js';
import type { Draws } from '../random.js';
import type { Augmentation } from './augmentation.js';
import { brightness, color, contrast } from './enhance.js';

const ADJUSTMENTS = [brightness, contrast, color] as const;

/**
 * torchvision's `ColorJitter(strength, strength, strength)`, which is timm's `--color-jitter`: brightness, contrast and saturation by
 * factors drawn from max(0, 1 - strength) … 1 + strength, in a drawn order.
 */
export function colorJitter(strength: number): Augmentation {
  if (!(strength >= 0 && strength < Infinity))
    throw new UsageError(`color-jitter: expected a strength of 0 (off) or more, found ${strength}.`);
  const least = Math.max(0, 1 - strength);
  return (image, draws) => {
    if (strength === 0) return image;
    const order = drawOrder(draws);
    const factors = ADJUSTMENTS.map(() => least + (1 + strength - least) * draws.uniform());
    return order.reduce((result, i) => ADJUSTMENTS[i]!(result, factors[i]!), image);
  };
}

/** One of the orders of the three, all as likely. */
function drawOrder(draws: Draws): number[] {
  const order = [0, 1, 2];
  for (let i = 2; i > 0; i--) {
    const j = Math.floor(draws.uniform() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
