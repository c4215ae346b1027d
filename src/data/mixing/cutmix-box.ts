import type { Draws } from '../random.js';

/** Rows `top … bottom - 1` and columns `left … right - 1`. */
export interface CutmixBox {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** timm's `rand_bbox`: a box of share 1 - lam of the picture around the given centre, cut off at the border. */
export function boxAround(
  height: number,
  width: number,
  lam: number,
  centreY: number,
  centreX: number,
): CutmixBox {
  const ratio = Math.sqrt(1 - lam);
  const cutHeight = Math.trunc(height * ratio);
  const cutWidth = Math.trunc(width * ratio);
  return {
    top: clip(centreY - Math.floor(cutHeight / 2), height),
    bottom: clip(centreY + Math.floor((cutHeight + 1) / 2), height),
    left: clip(centreX - Math.floor(cutWidth / 2), width),
    right: clip(centreX + Math.floor((cutWidth + 1) / 2), width),
  };
}

/** The box for a drawn `lam`: its centre is anywhere in the picture (row drawn first, then column). */
export function drawBox(height: number, width: number, lam: number, draws: Draws): CutmixBox {
  const centreY = below(height, draws);
  return boxAround(height, width, lam, centreY, below(width, draws));
}

/** timm's `rand_bbox_minmax`: height and width drawn between shares of the picture's, then the place within it. */
export function drawMinmaxBox(
  height: number,
  width: number,
  [min, max]: readonly [number, number],
  draws: Draws,
): CutmixBox {
  const side = (size: number): number => {
    const smallest = Math.trunc(size * min);
    // Where both shares give the same number of pixels NumPy refuses the empty range: here it is that size.
    return smallest + below(Math.max(1, Math.trunc(size * max) - smallest), draws);
  };
  const cutHeight = side(height);
  const cutWidth = side(width);
  const top = below(height - cutHeight + 1, draws);
  const left = below(width - cutWidth + 1, draws);
  return { top, bottom: top + cutHeight, left, right: left + cutWidth };
}

/** The share of the picture that stays its own: what lam becomes. */
export function shareOutside({ top, bottom, left, right }: CutmixBox, height: number, width: number): number {
  return 1 - ((bottom - top) * (right - left)) / (height * width);
}

function below(count: number, draws: Draws): number {
  return Math.floor(draws.uniform() * count);
}

function clip(value: number, max: number): number {
  return Math.min(Math.max(value, 0), max);
}
