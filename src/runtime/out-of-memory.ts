import { UserError } from '../errors.js';

/** How programs and libraries say that memory was not enough; oneDNN by a status of 1. */
export const OUT_OF_MEMORY =
  /out of memory|\bOOM\b|RESOURCE_EXHAUSTED|allocation failed|bad_alloc|bad allocation|Failed to allocate memory|Cannot allocate memory|Invalid typed array length|ENOMEM|Status: 1, message/i;

/** Whether an error of JavaScript, TensorFlow or onnxruntime says that there was not enough memory. */
export function isOutOfMemory(error: unknown): boolean {
  if (error instanceof UserError) return false;
  if ((error as { code?: unknown } | undefined)?.code === 'RESOURCE_EXHAUSTED') return true;
  return error instanceof Error && OUT_OF_MEMORY.test(error.message);
}

/** What a batch takes. */
export interface MemoryNeed {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  /** What a batch of any size takes, about, in bytes; grows evenly with it. */
  readonly bytesOf: (batch: number) => number;
  /** What there was for it; undefined: nobody knows (a GPU's memory). */
  readonly free: number | undefined;
}

/** Part of the memory that is not planned with. */
const MARGIN = 0.9;

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 0)} GB`;

/** The error for a batch that memory was not enough for: one line, with a batch size that would fit. */
export function outOfMemory(need: MemoryNeed, cause?: unknown): UserError {
  return new UserError(`out of memory: ${describeShortage(need)}`, { cause });
}

/**
 * What a batch takes, what there is, and which would fit, in a line; undefined where it fits. The estimate is one: a batch that is just too large by it may
 * go well.
 */
export function memoryWarning(need: MemoryNeed): string | undefined {
  const { batch, bytesOf, free } = need;
  if (free === undefined || bytesOf(batch) <= free) return undefined;
  return `memory may not be enough, and the process be ended for it: ${describeShortage(need)}`;
}

/** The same for a batch that is known to be too large, whatever the estimate says. */
export function describeShortage(need: MemoryNeed): string {
  const { batch, height, width, bytesOf, free } = need;
  const takes = `a batch of ${batch} images of ${width}×${height} takes about ${gigabytes(bytesOf(batch))}`;
  if (free === undefined) return `${takes}, more than the device has. Halve --batch-size.`;
  // What failed was too large, even if by the estimate it was not: other programs had the memory meanwhile, or it was scattered.
  const estimated = fittingBatch(need);
  const fits = estimated < batch ? estimated : even(Math.floor(batch / 2));
  return fits === 0
    ? `${takes}, ${gigabytes(free)} are free. Not even one image fits: choose a smaller --model or --input-size.`
    : `${takes}, ${gigabytes(free)} are free. --batch-size ${fits} would fit.`;
}

/** The largest batch that fits; an even one, as mixing images in pairs wants it, where there is a choice. 0: none. */
export function fittingBatch({
  batch,
  bytesOf,
  free = Infinity,
}: Omit<MemoryNeed, 'height' | 'width'>): number {
  // A training step of one image has no batch statistics.
  const [low, high] = [2, Math.max(4, batch)];
  const slope = Math.max((bytesOf(high) - bytesOf(low)) / (high - low), 1);
  const fits = Math.floor(low + (MARGIN * free - bytesOf(low)) / slope);
  return even(Math.max(0, fits));
}

const even = (batch: number): number => (batch < 2 ? batch : batch - (batch % 2));
