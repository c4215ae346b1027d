import sharp from 'sharp';
import type { DataConfig } from '../../models/image-model.js';
import type { EncodedImage } from './event-messages.js';

/**
 * A picture of a batch as the model sees it, as a PNG: normalisation undone, rounded to bytes.
 *
 * @param pixels `[height, width, 3]`, normalised
 */
export async function sampleImage(
  pixels: Float32Array,
  height: number,
  width: number,
  { mean, std }: Pick<DataConfig, 'mean' | 'std'>,
): Promise<EncodedImage> {
  const bytes = new Uint8ClampedArray(height * width * 3);
  for (let i = 0; i < bytes.length; i++) {
    const channel = i % 3;
    // A clamped array rounds and limits.
    bytes[i] = 255 * (pixels[i]! * std[channel]! + mean[channel]!);
  }
  const encodedImageString = await sharp(bytes, { raw: { height, width, channels: 3 } })
    .png()
    .toBuffer();
  return { height, width, colorspace: 3, encodedImageString };
}
