import type { Box } from '../rgb-image.js';
import { roundHalfEven } from '../round.js';

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
