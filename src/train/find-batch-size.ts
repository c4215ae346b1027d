/** What a trial of a batch size came to. */
export type Trial =
  /** It ran, and the process took so many bytes at most. */
  | { readonly fits: true; readonly peakBytes: number }
  /** The memory was not enough. */
  | { readonly fits: false };

export interface SearchOptions {
  /** First batch to try; the result is a multiple of `multiple`. */
  readonly start: number;
  readonly multiple: number;
  /** Bytes that the process may take. Without a limit (memory of a GPU) only trials tell. */
  readonly limitBytes?: number;
}

/** Part of the limit that is not planned with. */
const MARGIN = 0.9;
/** The search ends when the answer is known to this share of itself. */
const PRECISION = 1 / 8;

/**
 * The largest batch that fits: doubled until one does not, then bisected. With a limit, a batch is not tried when the two largest trials say that it
 * would take more: memory grows evenly with the batch.
 *
 * @returns undefined when not even the first batch fits
 */
export async function findBatchSize(
  trial: (batch: number) => Promise<Trial>,
  { start, multiple, limitBytes = Infinity }: SearchOptions,
): Promise<number | undefined> {
  const limit = MARGIN * limitBytes;
  const done: { batch: number; bytes: number }[] = [];

  function expected(batch: number): number {
    const [last, before] = [done.at(-1), done.at(-2)];
    if (last === undefined || before === undefined) return 0;
    const slope = Math.max(0, (last.bytes - before.bytes) / (last.batch - before.batch));
    return last.bytes + slope * (batch - last.batch);
  }
  async function fits(batch: number): Promise<boolean> {
    if (expected(batch) > limit) return false;
    const result = await trial(batch);
    if (!result.fits || result.peakBytes > limit) return false;
    done.push({ batch, bytes: result.peakBytes });
    return true;
  }

  const whole = (batch: number) => Math.floor(batch / multiple) * multiple;
  let low = Math.max(multiple, whole(start));
  if (!(await fits(low))) {
    // Downwards: the first one that fits is the lower end.
    let high = low;
    for (;;) {
      if (low <= multiple) return undefined;
      low = Math.max(multiple, whole(low / 2));
      if (await fits(low)) return bisect(low, high);
      high = low;
    }
  }
  for (;;) {
    const high = 2 * low;
    if (!(await fits(high))) return bisect(low, high);
    low = high;
  }

  async function bisect(low: number, high: number): Promise<number> {
    while (high - low > Math.max(multiple, PRECISION * low)) {
      const middle = whole((low + high) / 2);
      if (await fits(middle)) low = middle;
      else high = middle;
    }
    return low;
  }
}
