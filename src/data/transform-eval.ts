import { UsageError } from '../errors.js';
import type { DataConfig } from '../models/image-model.js';
import { resample } from './resample.js';
import type { Box, RgbImage } from './rgb-image.js';
import { roundHalfEven } from './round.js';
import {
  fillColour,
  isSmallInput,
  withNormalisation,
  type ImageTransform,
  type TransformConfig,
} from './transform.js';

/** A model's `DataConfig`, with any of Pillow's filters. */
export interface EvalConfig extends TransformConfig, Pick<DataConfig, 'cropPct' | 'cropMode'> {}

/** To which size a picture is resized, and which part of the result the network sees (outside of it: the border's fill). */
export interface EvalGeometry {
  readonly width: number;
  readonly height: number;
  readonly window: Box;
}

/**
 * The evaluation pipeline of timm and of the reference, equal to theirs byte for byte: resize by Pillow's filter, centre crop, normalise.
 *
 * - `center`: the short side to floor(size / cropPct), the long one to int(short × long / short side), then the middle.
 * - `squash`: both sides to floor(size / cropPct), whatever the shape. The reference's fine-tuning is this with cropPct 1.
 * - `border`: the long side to floor(size / cropPct); what is missing is filled with the mean colour.
 *
 * Inputs up to 32: the reference neither resizes nor crops, its pictures being of that size already. So are they left here; others
 * (8 × 8 digits) are brought to the input size as if cropPct were 1.
 */
export function evalTransform(config: EvalConfig): ImageTransform {
  const { interpolation, passOrder, mean } = config;
  if (!(config.cropPct > 0 && config.cropPct <= 1))
    throw new UsageError(`crop-pct: expected a share above 0 and up to 1, found ${config.cropPct}.`);
  const fill = fillColour(mean);
  const transform = withNormalisation(config, (image) => {
    const { width, height, window } = evalGeometry(image.width, image.height, config);
    const visible = intersect(window, width, height);
    const part = resample(image, { width, height, interpolation, passOrder, window: visible });
    return visible.width === window.width && visible.height === window.height
      ? part
      : pasteOnFill(part, { left: visible.left - window.left, top: visible.top - window.top }, window, fill);
  });
  return { ...transform, description: { kind: 'eval', config } };
}

/** Sizes and crop for a picture of `imageWidth × imageHeight`. */
export function evalGeometry(
  imageWidth: number,
  imageHeight: number,
  {
    inputSize: [, cropHeight, cropWidth],
    cropPct,
    cropMode,
  }: Pick<EvalConfig, 'inputSize' | 'cropPct' | 'cropMode'>,
): EvalGeometry {
  const share = isSmallInput(cropHeight, cropWidth) ? 1 : cropPct;
  const target = { width: Math.floor(cropWidth / share), height: Math.floor(cropHeight / share) };
  const { width, height } = resizedSize(imageWidth, imageHeight, target, cropMode);
  const window = {
    left: centred(width, cropWidth),
    top: centred(height, cropHeight),
    width: cropWidth,
    height: cropHeight,
  };
  return { width, height, window };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function resizedSize(width: number, height: number, target: Size, mode: DataConfig['cropMode']): Size {
  if (mode === 'squash') return target;
  if (mode === 'center' && target.width === target.height) {
    // torchvision's Resize of the short side: the long one is truncated.
    const long = Math.trunc((target.width * Math.max(width, height)) / Math.min(width, height));
    return width <= height ? { width: target.width, height: long } : { width: long, height: target.height };
  }
  // timm's ResizeKeepRatio: to cover the target, or with a border, to fit into it.
  const ratios = [height / target.height, width / target.width];
  const ratio = mode === 'border' ? Math.max(...ratios) : Math.min(...ratios);
  return {
    width: Math.max(1, roundHalfEven(width / ratio)),
    height: Math.max(1, roundHalfEven(height / ratio)),
  };
}

/** Where a centred crop of `crop` pixels begins; below zero where it is larger than the picture. */
function centred(size: number, crop: number): number {
  return crop > size ? -Math.floor((crop - size) / 2) : roundHalfEven((size - crop) / 2);
}

function intersect(window: Box, width: number, height: number): Box {
  const left = Math.max(window.left, 0);
  const top = Math.max(window.top, 0);
  return {
    left,
    top,
    width: Math.min(window.left + window.width, width) - left,
    height: Math.min(window.top + window.height, height) - top,
  };
}

function pasteOnFill(
  part: RgbImage,
  at: Pick<Box, 'left' | 'top'>,
  { width, height }: Size,
  fill: readonly number[],
): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = fill[i % 3]!;
  for (let y = 0; y < part.height; y++)
    data.set(
      part.data.subarray(y * part.width * 3, (y + 1) * part.width * 3),
      ((at.top + y) * width + at.left) * 3,
    );
  return { width, height, data };
}
