import { UserError } from '../errors.js';
import { BatchMemory } from './batch-memory.js';
import { BrokenSamples, type BrokenSample } from './broken-samples.js';
import type { Dataset } from './dataset.js';
import { createSampleWriter } from './sample-writer.js';
import { sequentialSampler, type EpochSampler } from './sampler.js';
import type { ImageTransform } from './transform.js';
import { automaticWorkers } from './workers/automatic.js';

/** Decoded, transformed, normalised pictures of one step. The arrays belong to whoever takes the batch, until it is given back. */
export interface LoadedBatch {
  /** `[size, height, width, 3]`, row-major. */
  readonly images: Float32Array;
  readonly shape: readonly [size: number, height: number, width: number, channels: number];
  readonly labels: Int32Array;
  /** Numbers of the samples in the data set. */
  readonly indices: Int32Array;
  /** Names of the samples, for messages. */
  readonly names: readonly string[];
  /** Gives the memory of `images` back, for a later batch. Left out, the memory is collected as any other. */
  readonly release?: () => void;
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
  /**
   * Threads that decode and transform; 0: the calling one. They change nothing but the speed. Default: by the processors, 0 for a small set or for a
   * transform that is none of `evalTransform` and `trainTransform`.
   */
  readonly workers?: number;
  /** Batches prepared ahead of the one in use. Default 2. */
  readonly prefetch?: number;
  /**
   * Samples read at the same time; without workers also decoded, on libuv's threads (UV_THREADPOOL_SIZE, 4). Default 16.
   */
  readonly concurrency?: number;
  /** Bytes of decoded pixels kept for later epochs where the whole set fits into them; 0: none. Default 256 MiB. */
  readonly cacheBytes?: number;
  /**
   * What a sample does that can't be read or decoded. `fail` (default): it ends the epoch. `skip`: the next good one of the data set stands in its place, so
   * that batches stay full. `omit`: nothing does, its batch is smaller, so that no sample is there twice. If a tenth of the samples is broken, or a hundred
   * one after the other are skipped, that is an error still.
   */
  readonly onError?: 'skip' | 'omit' | 'fail';
  /** With `skip` and `omit`, told of each broken sample, once. */
  readonly onBroken?: (sample: BrokenSample) => void;
}

/** Batches of a data set, epoch by epoch: what training and evaluation loop over. */
export interface Loader {
  /** Pictures of one epoch. */
  readonly samples: number;
  /** Batches of one epoch; fewer come where all samples of one are omitted. */
  readonly steps: number;
  /**
   * The batches of `epoch` from `firstStep` on, in order; what came before is not read. They depend on the data and on (seed, epoch, sample, view) alone,
   * whatever `workers`, `prefetch` and `concurrency` are. Leaving the loop early waits for what is being decoded and starts nothing more.
   *
   * @throws UserError naming the sample when one can't be read or decoded.
   */
  epoch(epoch: number, firstStep?: number): AsyncGenerator<LoadedBatch, void, undefined>;
  /**
   * Begins with the first batches of an epoch, so that {@link epoch}, called for the same one later, finds them ready: for the time in which a model is built,
   * or validated. Another epoch than the prepared one drops them.
   */
  prepare?(epoch: number, firstStep?: number): void;
}

/** Batches of an epoch that are being made, in order. */
interface Ahead {
  readonly epoch: number;
  readonly firstStep: number;
  /** Makes batches up to `last`. */
  fill(last: number): void;
  readonly batches: Promise<LoadedBatch>[];
  /** Nothing more is made; what is there is given back. */
  leave(): Promise<void>;
}

/** @throws UserError when the data set gives no batch at all. */
export function createLoader(dataset: Dataset, options: LoaderOptions): Loader {
  const { batchSize, transform, seed = 0, dropLast = false, prefetch = 2, concurrency = 16 } = options;
  const { cacheBytes = 256 * 2 ** 20, onError = 'fail', onBroken } = options;
  const sampler = options.sampler ?? sequentialSampler(dataset.length);
  const full = Math.floor(sampler.length / batchSize);
  const steps = dropLast ? full : Math.ceil(sampler.length / batchSize);
  if (steps === 0)
    throw new UserError(
      `${dataset.source} gives no batch: ${sampler.length} samples, expected at least ${dropLast ? `one batch of ${batchSize}` : 'one'}.`,
    );
  const { height, width } = transform;
  const workers = options.workers ?? (transform.description ? automaticWorkers(sampler.length) : 0);
  const stride = height * width * 3;
  const memory = new BatchMemory(Math.min(batchSize, sampler.length) * stride, prefetch + 2);
  const writer = createSampleWriter(dataset, { transform, workers, concurrency, cacheBytes });
  const broken = onError === 'fail' ? undefined : new BrokenSamples(dataset, onBroken);

  async function makeBatch(
    wanted: Int32Array,
    views: Uint8Array | undefined,
    epoch: number,
    left: Int32Array,
  ) {
    const array = memory.take();
    const target = writer.open(array, left);
    const load = async (index: number, i: number): Promise<number | undefined> => {
      const write = (sample: number): Promise<void> =>
        target.write({ seed, epoch, index: sample, view: views?.[i] ?? 0 }, i * stride);
      if (broken === undefined) await write(index);
      else if (onError === 'skip') return broken.firstGood(index, write);
      else if (!(await broken.isGood(index, write))) return undefined;
      return index;
    };
    const loads = await Promise.allSettled(Array.from(wanted, load));
    // All of them have ended before the batch fails: nothing is left running, and of several errors it is always the first one's.
    target.end();
    const found = loads.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
    const indices = closeRanks(array, stride, found);
    return {
      images: array.subarray(0, indices.length * stride),
      shape: [indices.length, height, width, 3] as const,
      labels: indices.map((index) => dataset.label(index)),
      indices,
      names: Array.from(indices, (index) => dataset.name(index)),
      release: once(() => memory.give(array)),
    };
  }

  function begin(epoch: number, firstStep: number): Ahead {
    const { indices, views } = sampler.order(epoch);
    const left = new Int32Array(new SharedArrayBuffer(4));
    const batches: Promise<LoadedBatch>[] = [];
    let next = firstStep;
    return {
      epoch,
      firstStep,
      batches,
      fill(last) {
        for (; next < steps && next <= last; next++) {
          const [from, to] = [next * batchSize, (next + 1) * batchSize];
          const batch = makeBatch(indices.subarray(from, to), views?.subarray(from, to), epoch, left);
          batch.catch(() => undefined); // thrown where the batch is awaited; before that it isn't unhandled
          batches.push(batch);
        }
      },
      async leave() {
        Atomics.store(left, 0, 1);
        for (const batch of await Promise.allSettled(batches))
          if (batch.status === 'fulfilled') batch.value.release?.();
      },
    };
  }

  let prepared: Ahead | undefined;

  /** What was prepared, if it is that, else a new beginning. */
  async function takeAhead(epoch: number, firstStep: number): Promise<Ahead> {
    const ready = prepared;
    prepared = undefined;
    if (ready?.epoch === epoch && ready.firstStep === firstStep) return ready;
    await ready?.leave();
    return begin(epoch, firstStep);
  }

  return {
    samples: dropLast ? full * batchSize : sampler.length,
    steps,
    async *epoch(epoch, firstStep = 0) {
      const ahead = await takeAhead(epoch, firstStep);
      try {
        for (let step = firstStep; step < steps; step++) {
          ahead.fill(step + prefetch);
          const batch = await ahead.batches.shift()!;
          if (batch.indices.length > 0) yield batch;
          else batch.release?.();
        }
      } finally {
        await ahead.leave();
      }
    },
    prepare(epoch, firstStep = 0) {
      if (prepared?.epoch === epoch && prepared.firstStep === firstStep) return;
      void prepared?.leave();
      prepared = begin(epoch, firstStep);
      prepared.fill(firstStep + prefetch);
    },
  };
}

/** Moves pictures up to where others were left out, in place. Returns the samples that are there. */
function closeRanks(
  images: Float32Array,
  stride: number,
  found: readonly (number | undefined)[],
): Int32Array {
  const there = found.flatMap((index, i) => (index === undefined ? [] : [{ index, i }]));
  there.forEach(({ i }, to) => {
    if (i !== to) images.copyWithin(to * stride, i * stride, (i + 1) * stride);
  });
  return Int32Array.from(there, ({ index }) => index);
}

/** The action, done at the first call only: memory given back twice would be two batches' at once. */
function once(action: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    action();
  };
}
