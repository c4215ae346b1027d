import { UserError } from '../errors.js';
import type { Dataset } from './dataset.js';
import { decodeImage } from './decode.js';
import { Limiter } from './limiter.js';
import { PixelCache } from './pixel-cache.js';
import { sequentialSampler, type EpochSampler } from './sampler.js';
import type { ImageTransform } from './transform.js';

/** Decoded, transformed, normalised pictures of one step. The arrays belong to whoever takes the batch: none is used again. */
export interface LoadedBatch {
  /** `[size, height, width, 3]`, row-major. */
  readonly images: Float32Array;
  readonly shape: readonly [size: number, height: number, width: number, channels: number];
  readonly labels: Int32Array;
  /** Numbers of the samples in the data set. */
  readonly indices: Int32Array;
  /** Names of the samples, for messages. */
  readonly names: readonly string[];
}

export interface LoaderOptions {
  readonly batchSize: number;
  readonly transform: ImageTransform;
  /** Default: every sample once, in order. */
  readonly sampler?: EpochSampler;
  /** Of the transform's random draws. Default 0. */
  readonly seed?: number;
  /** Leave out a last batch that isn't full. Default false. */
  readonly dropLast?: boolean;
  /** Batches prepared ahead of the one in use. Default 2. */
  readonly prefetch?: number;
  /** Samples read and decoded at the same time; decoding itself runs on libuv's threads (UV_THREADPOOL_SIZE, 4). Default 16. */
  readonly concurrency?: number;
  /** Bytes of decoded pixels kept for later epochs where the whole set fits into them; 0: none. Default 256 MiB. */
  readonly cacheBytes?: number;
}

/** Batches of a data set, epoch by epoch: what training and evaluation loop over. */
export interface Loader {
  /** Pictures of one epoch. */
  readonly samples: number;
  /** Batches of one epoch. */
  readonly steps: number;
  /**
   * The batches of `epoch` from `firstStep` on, in order. They depend on (seed, epoch, sample) alone, whatever `prefetch` and
   * `concurrency` are. Leaving the loop early waits for what is being decoded and starts nothing more.
   *
   * @throws UserError naming the sample when one can't be read or decoded.
   */
  epoch(epoch: number, firstStep?: number): AsyncGenerator<LoadedBatch, void, undefined>;
}

/** @throws UserError when the data set gives no batch at all. */
export function createLoader(dataset: Dataset, options: LoaderOptions): Loader {
  const { batchSize, transform, seed = 0, dropLast = false, prefetch = 2, concurrency = 16 } = options;
  const sampler = options.sampler ?? sequentialSampler(dataset.length);
  const full = Math.floor(sampler.length / batchSize);
  const steps = dropLast ? full : Math.ceil(sampler.length / batchSize);
  if (steps === 0)
    throw new UserError(
      `${dataset.source} gives no batch: ${sampler.length} samples, expected at least ${dropLast ? `one batch of ${batchSize}` : 'one'}.`,
    );
  const cache = new PixelCache(options.cacheBytes ?? 256 * 2 ** 20);

  async function pixels(index: number) {
    const known = cache.get(index);
    if (known !== undefined) return known;
    const image = await decodeImage(await dataset.read(index), dataset.name(index));
    cache.set(index, image);
    return image;
  }

  async function makeBatch(indices: Int32Array, epoch: number, limiter: Limiter, signal: AbortSignal) {
    const { height, width } = transform;
    const stride = height * width * 3;
    const images = new Float32Array(indices.length * stride);
    const load = async (index: number, i: number): Promise<void> => {
      signal.throwIfAborted();
      transform.write(await pixels(index), { seed, epoch, index }, images, i * stride);
    };
    const loads = [...indices].map((index, i) => limiter.run(() => load(index, i)));
    // All of them have ended before the batch fails: nothing is left running, and of several errors it is always the first one's.
    const failed = (await Promise.allSettled(loads)).find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return {
      images,
      shape: [indices.length, height, width, 3] as const,
      labels: indices.map((index) => dataset.label(index)),
      indices,
      names: Array.from(indices, (index) => dataset.name(index)),
    };
  }

  return {
    samples: dropLast ? full * batchSize : sampler.length,
    steps,
    async *epoch(epoch, firstStep = 0) {
      const { indices: order } = sampler.order(epoch);
      const limiter = new Limiter(concurrency);
      const leaving = new AbortController();
      const ahead: Promise<LoadedBatch>[] = [];
      let next = firstStep;
      try {
        for (let step = firstStep; step < steps; step++) {
          for (; next < steps && next <= step + prefetch; next++) {
            const indices = order.slice(next * batchSize, (next + 1) * batchSize);
            const batch = makeBatch(indices, epoch, limiter, leaving.signal);
            batch.catch(() => undefined); // thrown where the batch is awaited; before that it isn't unhandled
            ahead.push(batch);
          }
          yield await ahead.shift()!;
        }
      } finally {
        leaving.abort();
        await Promise.allSettled(ahead);
      }
    },
  };
}
