import { setImmediate } from 'node:timers/promises';
import type { Dataset } from './dataset.js';
import { decodeImage } from './decode.js';
import { Limiter } from './limiter.js';
import { PixelCache } from './pixel-cache.js';
import type { SampleAddress } from './random.js';
import type { RgbImage } from './rgb-image.js';
import type { ImageTransform } from './transform.js';
import { UsageError } from '../errors.js';
import { LeftError, sharedPool } from './workers/pool.js';

/** Memory of one batch that samples are written to. */
export interface BatchTarget {
  /** @throws UserError naming the sample when it can't be read or decoded; LeftError when the batch is not wanted any more */
  write(address: SampleAddress, offset: number): Promise<void>;
  /** The batch is whole, or given up, and no write is under way. */
  end(): void;
}

/** Reads, decodes and transforms the samples of a data set. */
export interface SampleWriter {
  /** @param left becomes 1 when the batch is not wanted any more */
  open(images: Float32Array, left: Int32Array): BatchTarget;
}

export interface SampleWriterOptions {
  readonly transform: ImageTransform;
  /** Threads that decode and transform; 0: this one. */
  readonly workers: number;
  /** Samples read at the same time, and without workers, decoded. */
  readonly concurrency: number;
  /** Bytes of decoded pixels to keep. */
  readonly cacheBytes: number;
}

export function createSampleWriter(dataset: Dataset, options: SampleWriterOptions): SampleWriter {
  return options.workers === 0 ? inThisThread(dataset, options) : inWorkers(dataset, options);
}

/** What the data set has of a sample: its file, or pixels. */
const sourceOf = (dataset: Dataset, index: number): Promise<Uint8Array | RgbImage> =>
  dataset.pixels?.(index) ?? dataset.read(index);

function checkLeft(left: Int32Array): void {
  if (Atomics.load(left, 0) === 1) throw new LeftError();
}

function inThisThread(
  dataset: Dataset,
  { transform, concurrency, cacheBytes }: SampleWriterOptions,
): SampleWriter {
  const cache = new PixelCache(cacheBytes);
  const limiter = new Limiter(concurrency);

  async function pixels(index: number): Promise<RgbImage> {
    const known = cache.get(index);
    if (known !== undefined) return known;
    const source = await sourceOf(dataset, index);
    const image = source instanceof Uint8Array ? await decodeImage(source, dataset.name(index)) : source;
    cache.set(index, image);
    return image;
  }

  return {
    open: (images, left) => ({
      write: (address, offset) =>
        limiter.run(async () => {
          checkLeft(left);
          const image = await pixels(address.index);
          // Whoever waits for an earlier batch goes first: this thread is his as well.
          await setImmediate();
          transform.write(image, address, images, offset);
        }),
      end() {},
    }),
  };
}

function inWorkers(
  dataset: Dataset,
  { transform: { description }, workers, concurrency, cacheBytes }: SampleWriterOptions,
): SampleWriter {
  if (description === undefined)
    throw new UsageError(
      'this transform works in the main thread only: use 0 workers, or evalTransform or trainTransform.',
    );
  const cache = new PixelCache(cacheBytes);
  const limiter = new Limiter(concurrency);

  return {
    open(images, left) {
      const pool = sharedPool(workers);
      const transform = pool.addTransform(description);
      const batch = pool.openBatch(images, left);
      return {
        async write(address, offset) {
          const { index } = address;
          const known = cache.get(index);
          const source =
            known ??
            (await limiter.run(() => {
              checkLeft(left);
              return sourceOf(dataset, index);
            }));
          const pixels = await pool.write({
            batch,
            offset,
            transform,
            address,
            name: dataset.name(index),
            source: source instanceof Uint8Array ? alone(source) : { ...source, data: alone(source.data) },
            keep: known === undefined && cache.fits,
          });
          if (pixels !== undefined) cache.set(index, pixels);
        },
        end: () => pool.closeBatch(batch),
      };
    },
  };
}

/** The same bytes with nothing around them: of a part of a buffer, a message would carry the whole. */
function alone(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}
