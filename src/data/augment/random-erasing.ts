import { UsageError } from '../../errors.js';
import type { Draws } from '../random.js';
import type { Box } from '../rgb-image.js';
import { roundHalfEven } from '../round.js';

/** What an erased box is filled with: normal noise for each value, one normal colour, or zeros (the mean colour). */
export type ErasingMode = 'pixel' | 'rand' | 'const';

export interface ErasingConfig {
  /** timm's `--reprob`. */
  readonly probability: number;
  /** `--remode`. */
  readonly mode: ErasingMode;
  /** `--recount`: boxes of one picture at most; they share the area. */
  readonly count: number;
}

/** Share of the picture that is erased, and bounds of height by width. */
const MIN_AREA = 0.02;
const MAX_AREA = 1 / 3;
const MIN_ASPECT = 0.3;

/** @throws UsageError naming the option that is out of its range. */
export function checkErasing({ probability, count }: ErasingConfig): void {
  if (!(probability >= 0 && probability <= 1))
    throw new UsageError(`reprob: expected a probability from 0 to 1, found ${probability}.`);
  if (!(Number.isInteger(count) && count >= 1))
    throw new UsageError(`recount: expected a whole number of 1 or more, found ${count}.`);
}

/** Boxes that timm's RandomErasing would erase: none if it doesn't apply, or where ten attempts find no place. */
export function erasedBoxes(
  { probability, count: maxCount }: ErasingConfig,
  height: number,
  width: number,
  uniform: () => number,
): Box[] {
  if (uniform() > probability) return [];
  const count = maxCount === 1 ? 1 : 1 + Math.floor(uniform() * maxCount);
  const boxes = Array.from({ length: count }, () => erasedBox(height, width, count, uniform));
  return boxes.filter((box) => box !== undefined);
}

function erasedBox(height: number, width: number, count: number, uniform: () => number): Box | undefined {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = ((MIN_AREA + (MAX_AREA - MIN_AREA) * uniform()) * height * width) / count;
    const logMin = Math.log(MIN_ASPECT);
    const aspect = Math.exp(logMin + (Math.log(1 / MIN_ASPECT) - logMin) * uniform());
    const boxHeight = roundHalfEven(Math.sqrt(area * aspect));
    const boxWidth = roundHalfEven(Math.sqrt(area / aspect));
    if (boxWidth >= width || boxHeight >= height) continue;
    const top = Math.floor(uniform() * (height - boxHeight + 1));
    const left = Math.floor(uniform() * (width - boxWidth + 1));
    return { top, left, height: boxHeight, width: boxWidth };
  }
  return undefined;
}

/**
 * Random erasing (Zhong et al. 2017) as timm applies it: after normalisation, in place.
 *
 * @param values `[height, width, 3]` from `offset` on
 */
export function eraseAtRandom(
  config: ErasingConfig,
  values: Float32Array,
  offset: number,
  height: number,
  width: number,
  draws: Draws,
): void {
  for (const box of erasedBoxes(config, height, width, () => draws.uniform())) {
    const colour = new Float32Array(3);
    if (config.mode === 'rand') draws.normals(colour, 0, 3);
    for (let y = box.top; y < box.top + box.height; y++) {
      const start = offset + (y * width + box.left) * 3;
      if (config.mode === 'pixel') draws.normals(values, start, box.width * 3);
      else for (let i = 0; i < box.width * 3; i++) values[start + i] = colour[i % 3]!;
    }
  }
}
