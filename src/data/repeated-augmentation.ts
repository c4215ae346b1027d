import { UsageError } from '../errors.js';
import { checkProcess, shuffleSampler, type EpochSampler, type Process } from './sampler.js';
import { torchPermutation } from './torch-permutation.js';

export interface RepeatedAugmentationOptions extends Process {
  /** Images of one step of one process. */
  readonly batchSize: number;
  /** Views of an image one after the other, 1 … 255. Default 3. */
  readonly views?: number;
  /** `reference`: the reference's own order, slips included. Default: repaired. */
  readonly compat?: 'reference';
  /** Told, in a line, that the set is too small and every image is shown once. */
  readonly notice?: (line: string) => void;
}

/** What the reference cuts an epoch to a multiple of, whatever the batch is. */
const REFERENCE_ROUNDING = 256;

/**
 * Repeated augmentation (Hoffer et al., "Augment your batch", 2020; the reference's `RASampler`): of an order of all images each is visited `views` times in
 * a row, every time with an augmentation of its own; an epoch is the first third (for 3 views) of these visits, so it is as long as any other, and sees a
 * third of the images. Of `world` processes each takes every `world`-th visit: the views of an image go to different ones.
 *
 * The order is PyTorch's `randperm` under seed + epoch, so that with seed 0 it is the reference's. Repaired: the epoch counts in a single process too (the
 * reference sees the same third in every epoch), an epoch is cut to whole batches and not to multiples of 256 (fewer than 256 images give the reference
 * nothing), and a set smaller than a batch is shown once an epoch, unrepeated.
 */
export function repeatedAugmentationSampler(
  length: number,
  seed: number,
  { batchSize, views = 3, compat, notice, ...process }: RepeatedAugmentationOptions,
): EpochSampler {
  const { rank, world } = checkProcess(process);
  if (!Number.isInteger(views) || views < 1 || views > 255)
    throw new UsageError(`repeated augmentation: expected 1 to 255 views, found ${views}.`);
  const isReference = compat === 'reference';
  const rounding = isReference ? REFERENCE_ROUNDING : batchSize * world;
  if (!isReference && length < rounding) {
    notice?.(
      `repeated augmentation is off: ${length} images are fewer than one batch of ${rounding}; each is shown once an epoch.`,
    );
    return shuffleSampler(length, seed, { rank, world });
  }
  // Never more than the images, so the reference's padding of the repeated order to a multiple of the processes is never visited.
  const count = Math.floor((Math.floor(length / rounding) * rounding) / world);
  const seedOf = (epoch: number): number => (!isReference ? seed + epoch : world > 1 ? epoch : 0);
  return {
    length: count,
    order(epoch) {
      const images = torchPermutation(length, seedOf(epoch) % 2 ** 32);
      const visit = (k: number): number => rank + k * world;
      return {
        indices: Int32Array.from({ length: count }, (_, k) => images[Math.floor(visit(k) / views)]!),
        views: Uint8Array.from({ length: count }, (_, k) => visit(k) % views),
      };
    },
  };
}
