import sharp, { type OverlayOptions } from 'sharp';
import type { Dataset } from '../dataset.js';
import { decodeImage } from '../decode.js';
import type { SampleAddress } from '../random.js';
import type { RgbImage } from '../rgb-image.js';
import type { ImageTransform, TransformConfig } from '../transform.js';

export interface SheetOptions {
  /** Samples to show, a row each. */
  readonly indices: readonly number[];
  /** Views of each, side by side. */
  readonly views: number;
  readonly seed: number;
  readonly epoch: number;
  /** Shown first in each row. */
  readonly plain: ImageTransform;
  /** Makes the views. */
  readonly augmented: ImageTransform;
  /** What both normalise by. */
  readonly normalisation: Pick<TransformConfig, 'mean' | 'std'>;
}

const GAP = 4;
const TEXT = 18;

/**
 * A picture of what training sees, as PNG: of each sample the evaluation's crop, then its views as they come out of the whole training transform (erasing
 * included), with class and name underneath.
 *
 * @throws UserError naming a sample that can't be read
 */
export async function contactSheet(dataset: Dataset, options: SheetOptions): Promise<Buffer> {
  const { indices, views, plain, augmented } = options;
  const tile = {
    width: Math.max(plain.width, augmented.width),
    height: Math.max(plain.height, augmented.height),
  };
  const row = tile.height + TEXT + GAP;
  const width = (views + 1) * (tile.width + GAP) + GAP;
  const height = indices.length * row + GAP;
  const layers: OverlayOptions[] = [];
  const labels: string[] = [];
  for (const [i, index] of indices.entries()) {
    const name = dataset.name(index);
    const image = dataset.pixels
      ? await dataset.pixels(index)
      : await decodeImage(await dataset.read(index), name);
    const top = GAP + i * row;
    for (let column = 0; column <= views; column++) {
      const address = { seed: options.seed, epoch: options.epoch, index, view: Math.max(0, column - 1) };
      const shown = seen(column === 0 ? plain : augmented, image, address, options.normalisation);
      layers.push({ ...raw(shown), left: GAP + column * (tile.width + GAP), top });
    }
    const label = dataset.label(index);
    const text = `${dataset.classes?.[label] ?? label} · ${name}`;
    labels.push(
      `<text x="${GAP}" y="${top + tile.height + TEXT - 5}">${escape(shorten(text, width))}</text>`,
    );
  }
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `font-family="sans-serif" font-size="13">${labels.join('')}</svg>`;
  return sharp({ create: { width, height, channels: 3, background: 'white' } })
    .composite([...layers, { input: Buffer.from(svg), left: 0, top: 0 }])
    .png()
    .toBuffer();
}

/** What the network gets, as a picture again: values beyond black and white (random erasing's) become these. */
function seen(
  transform: ImageTransform,
  image: RgbImage,
  address: SampleAddress,
  { mean, std }: SheetOptions['normalisation'],
): RgbImage {
  const { width, height } = transform;
  const values = new Float32Array(width * height * 3);
  transform.write(image, address, values, 0);
  const data = new Uint8ClampedArray(values.length);
  for (let i = 0; i < values.length; i++) data[i] = 255 * (values[i]! * std[i % 3]! + mean[i % 3]!);
  return { width, height, data: new Uint8Array(data.buffer) };
}

const raw = ({ width, height, data }: RgbImage) => ({
  input: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  raw: { width, height, channels: 3 as const },
});

/** The end of a name tells more than its beginning. */
function shorten(text: string, width: number): string {
  const most = Math.max(8, Math.floor(width / 7.5));
  return text.length <= most
    ? text
    : `${text.slice(0, Math.floor(most / 3))}…${text.slice(-Math.floor((2 * most) / 3))}`;
}

/** Names come from outside: in SVG they are text, whatever is in them. */
function escape(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, ' ')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;');
}
