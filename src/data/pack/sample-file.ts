import sharp from 'sharp';
import path from 'node:path';
import { UserError } from '../../errors.js';
import type { Dataset } from '../dataset.js';
import { decodeImage } from '../decode.js';
import { imageFormat } from '../image-format.js';
import { resample } from '../resample.js';
import type { RgbImage } from '../rgb-image.js';

/** A picture as it goes into a shard. */
export interface SampleFile {
  /** What its two files are called in the shard, without the ending. */
  readonly key: string;
  readonly extension: 'jpg' | 'png' | 'webp';
  readonly bytes: Uint8Array;
  readonly label: number;
}

export interface SampleFileOptions {
  /** Shorten the short side to so many pixels; smaller pictures stay as they are. Default: all do. */
  readonly resize?: number;
  /** JPEG quality of resized pictures, 1 … 100. Default 95. */
  readonly quality?: number;
}

/**
 * Sample `index` of a data set as it is packed: its bytes as they are, unless it is to be made smaller (by Pillow's bicubic filter, and written as JPEG) or
 * is none of the formats that shards hold (then as PNG).
 *
 * @param position in the order of packing: makes the key unique
 * @throws UserError when it can't be read, or has to be decoded and can't be
 */
export async function sampleFile(
  dataset: Dataset,
  index: number,
  position: number,
  { resize, quality = 95 }: SampleFileOptions,
): Promise<SampleFile> {
  const name = dataset.name(index);
  const common = { key: sampleKey(position, name), label: dataset.label(index) };
  const source = dataset.pixels ? await dataset.pixels(index) : await dataset.read(index);
  const format = source instanceof Uint8Array ? imageFormat(source) : undefined;
  if (source instanceof Uint8Array && format === undefined)
    throw new UserError(
      `${name} (${source.length} bytes) is not an image: expected JPEG, PNG, WebP or GIF. Replace or remove it.`,
    );
  const decoded = async (): Promise<RgbImage> =>
    source instanceof Uint8Array ? decodeImage(source, name) : source;
  if (resize !== undefined) {
    const image = await decoded();
    const short = Math.min(image.width, image.height);
    if (short > resize) {
      // As torchvision's Resize: the long side is truncated.
      const scaled = (side: number): number =>
        side === short ? resize : Math.trunc((resize * side) / short);
      const size = { width: scaled(image.width), height: scaled(image.height) };
      const smaller = resample(image, { ...size, interpolation: 'bicubic' });
      return { ...common, extension: 'jpg', bytes: await rawSharp(smaller).jpeg({ quality }).toBuffer() };
    }
  }
  if (source instanceof Uint8Array && format !== undefined && format !== 'gif')
    return { ...common, extension: format, bytes: source };
  return {
    ...common,
    extension: 'png',
    bytes: await rawSharp(await decoded())
      .png()
      .toBuffer(),
  };
}

const rawSharp = ({ width, height, data }: RgbImage) => sharp(data, { raw: { width, height, channels: 3 } });

/** The place in the order, and what is left of the name for people. WebDataset's keys end at the first dot. */
function sampleKey(position: number, name: string): string {
  const { name: stem } = path.parse(name);
  const readable = stem.replace(/[^A-Za-z0-9_-]+/g, '_').slice(-64);
  return `${String(position).padStart(8, '0')}-${readable}`;
}
