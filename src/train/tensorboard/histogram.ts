import type { Histogram } from './event-messages.js';

/** Largest and smallest limit of a bucket, and how much one limit is above the one before: TensorFlow's own. */
const LARGEST = 1e20;
const SMALLEST = 1e-12;
const GROWTH = 1.1;

const LIMITS = bucketLimits();

function bucketLimits(): Float64Array {
  const positive: number[] = [];
  for (let limit = SMALLEST; limit < LARGEST; limit *= GROWTH) positive.push(limit);
  positive.push(Number.MAX_VALUE);
  return Float64Array.from([...positive.map((limit) => -limit).reverse(), 0, ...positive]);
}

/**
 * Counts values in buckets that grow by a tenth away from zero (tensorflow/core/lib/histogram), so that weights of any size show.
 * Runs of empty buckets are written as one. Values that are not finite are left out.
 */
export function histogramOf(values: ArrayLike<number>): Histogram {
  const counts = new Float64Array(LIMITS.length);
  let [min, max, num, sum, sumSquares] = [Infinity, -Infinity, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    counts[bucketOf(value)]!++;
    if (value < min) min = value;
    if (value > max) max = value;
    num++;
    sum += value;
    sumSquares += value * value;
  }
  const bucketLimit: number[] = [];
  const bucket: number[] = [];
  for (let i = 0; i < counts.length; i++) {
    // Of a run of empty buckets the last one: it says where the next full one begins.
    if (counts[i] === 0 && !(counts[i + 1]! > 0)) continue;
    bucketLimit.push(LIMITS[i]!);
    bucket.push(counts[i]!);
  }
  return { min: num > 0 ? min : 0, max: num > 0 ? max : 0, num, sum, sumSquares, bucketLimit, bucket };
}

/** The first bucket whose limit is not below the value. */
function bucketOf(value: number): number {
  let low = 0;
  let high = LIMITS.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (LIMITS[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
