import { UsageError } from '../errors.js';
import type { DataConfig } from '../models/image-model.js';
import type { Interpolation } from './filters.js';
import type { SampleAddress } from './random.js';
import type { PassOrder } from './resample.js';
import type { RgbImage } from './rgb-image.js';
import { roundHalfEven } from './round.js';
import { inOneScope, pictureInOneScope, simd } from './simd/instance.js';
import type { TransformDescription } from './transform-description.js';

/** From a decoded picture to what the network reads. Pure: the same picture and address give the same numbers. */
export interface ImageTransform {
  readonly height: number;
  readonly width: number;
  /** The `height * width` picture before normalisation. */
  pixels(image: RgbImage, address: SampleAddress): RgbImage;
  /** Writes the normalised `[height, width, 3]` values to `out` from `offset` on. */
  write(image: RgbImage, address: SampleAddress, out: Float32Array, offset: number): void;
  /** What worker threads make it of again. Without one it works in the main thread only. */
  readonly description?: TransformDescription;
}

/** What both pipelines need of a model's data configuration (a `DataConfig` is one). */
export interface TransformConfig extends Pick<DataConfig, 'inputSize' | 'mean' | 'std'> {
  readonly interpolation: Interpolation;
  /** Pillow's order of the two resize passes; default: that of the published accuracies. */
  readonly passOrder?: PassOrder;
}

/** Inputs up to this size are neither enlarged and cropped in evaluation nor cropped at random scale in training (reference's rule). */
const SMALL_INPUT = 32;

export function isSmallInput(height: number, width: number): boolean {
  return Math.max(height, width) <= SMALL_INPUT;
}

/** The mean colour as bytes: what timm fills uncovered parts with. */
export function fillColour(mean: readonly number[]): [number, number, number] {
  return mean.map((value) => Math.min(255, roundHalfEven(255 * value))) as [number, number, number];
}

/**
 * A transform from its pixel part.
 *
 * @param finish what is done to the normalised values afterwards, in place
 */
export function withNormalisation(
  { inputSize: [channels, height, width], mean, std }: TransformConfig,
  pixels: ImageTransform['pixels'],
  finish?: (values: Float32Array, offset: number, address: SampleAddress) => void,
): ImageTransform {
  if (channels !== 3 || mean.length !== 3 || std.length !== 3)
    throw new UsageError(
      `images are read as RGB: expected a model of 3 input channels with 3 means and deviations, ` +
        `found ${channels} channels, ${mean.length} means, ${std.length} deviations.`,
    );
  const table = normalisationTable(mean, std);
  return {
    height,
    width,
    pixels: (image, address) => pictureInOneScope(() => pixels(image, address)),
    write(image, address, out, offset) {
      inOneScope(() => normalise(pixels(image, address).data, table, out, offset));
      finish?.(out, offset, address);
    },
  };
}

function normalise(bytes: Uint8Array, table: Float32Array, out: Float32Array, offset: number): void {
  const module = simd();
  const fast = module?.compute(bytes.length * 4, (target) => {
    const tables = module.take(table.byteLength);
    new Float32Array(module.bytes.buffer, tables, table.length).set(table);
    module.functions.normalise(module.place(bytes), bytes.length, tables, target);
  });
  if (fast !== undefined) {
    out.set(new Float32Array(fast.buffer, fast.byteOffset, bytes.length), offset);
    return;
  }
  for (let i = 0; i < bytes.length; i += 3) {
    out[offset + i] = table[bytes[i]!]!;
    out[offset + i + 1] = table[256 + bytes[i + 1]!]!;
    out[offset + i + 2] = table[512 + bytes[i + 2]!]!;
  }
}

/** `(byte / 255 - mean) / std` of each channel and byte, every step rounded to float32 as torchvision does: `[3, 256]`. */
export function normalisationTable(mean: readonly number[], std: readonly number[]): Float32Array {
  const f32 = Math.fround;
  return Float32Array.from({ length: 768 }, (_, i) => {
    const channel = i >> 8;
    return f32(f32(f32((i & 255) / 255) - f32(mean[channel]!)) / f32(std[channel]!));
  });
}
