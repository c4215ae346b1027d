import * as tf from '@tensorflow/tfjs';
import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.js';
import type { DataConfig } from '../models/image-model.js';
import { decodeImage } from './decode.js';
import type { SampleAddress } from './random.js';
import type { RgbImage } from './rgb-image.js';
import { evalTransform } from './transform-eval.js';
import { trainTransform, type TrainConfig } from './transform-train.js';

/** How a model wants its images (timm's `resolve_model_data_config`): what `createTransform` takes. */
export function resolveModelDataConfig(model: { readonly dataConfig: DataConfig }): DataConfig {
  return model.dataConfig;
}

export type TransformOptions =
  (DataConfig & { readonly isTraining?: false }) | (TrainConfig & { readonly isTraining: true });

/**
 * A model's own preprocessing, as a function from a decoded picture to what the model reads (timm's `create_transform`):
 * `[height, width, 3]`, normalised; `tf.expandDims` makes a batch of it.
 *
 * @param options a data configuration; with `isTraining` random crops and flips, drawn from the address given with each picture
 */
export function createTransform(
  options: TransformOptions,
): (image: RgbImage, address?: SampleAddress) => tf.Tensor3D {
  const transform = options.isTraining ? trainTransform(options) : evalTransform(options);
  const { height, width } = transform;
  return (image, address = { seed: 0, epoch: 0, index: 0 }) => {
    const pixels = new Float32Array(height * width * 3);
    transform.write(image, address, pixels, 0);
    return tf.tensor3d(pixels, [height, width, 3]);
  };
}

/**
 * Reads and decodes a picture as Pillow's `Image.open(…).convert("RGB")` would.
 *
 * @param source a path, an `http(s)://` address, or the encoded bytes
 * @throws UserError if it cannot be read or is no image
 */
export async function openImage(source: string | URL | Uint8Array): Promise<RgbImage> {
  if (source instanceof Uint8Array) return decodeImage(source, 'the image');
  const name = String(source);
  return decodeImage(/^https?:/.test(name) ? await download(name) : await readLocal(source, name), name);
}

async function readLocal(path: string | URL, name: string): Promise<Uint8Array> {
  return readFile(path).catch((error: unknown) => {
    throw new UserError(`${name} cannot be read (${(error as Error).message})`, { cause: error });
  });
}

async function download(url: string): Promise<Uint8Array> {
  const response = await fetch(url).catch((error: unknown) => {
    throw new UserError(`${url} cannot be reached (${(error as Error).message})`, { cause: error });
  });
  if (!response.ok)
    throw new UserError(
      `${url} cannot be read: the server answers ${response.status} ${response.statusText}`,
    );
  return new Uint8Array(await response.arrayBuffer());
}
