/** Pillow's resampling filters by the names timm uses. */
export type Interpolation = 'nearest' | 'box' | 'bilinear' | 'hamming' | 'bicubic' | 'lanczos';

interface Filter {
  /** Half the width of the kernel at scale 1. */
  readonly support: number;
  readonly weight: (x: number) => number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

const FILTERS: Record<Exclude<Interpolation, 'nearest'>, Filter> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    // The constants are float32 in Pillow's source.
    weight: (x) =>
      Math.abs(x) < 1 ? sinc(x) * (Math.fround(0.54) + Math.fround(0.46) * Math.cos(x * Math.PI)) : 0,
  },
  bicubic: {
    support: 2,
    weight(x) {
      const a = -0.5;
      const d = Math.abs(x);
      if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
    },
  },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Bits behind the point of a coefficient: 32, less 8 of a byte and 2 for the overshoot of the filters. */
export const PRECISION = 22;

/** What one pass reads: output `i` is the sum over `t < counts[i]` of `weights[i * taps + t] * input[starts[i] + t]`. */
export interface Coefficients {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  /** {@link PRECISION}-bit fixed point, `taps` entries an output. */
  readonly weights: Int32Array;
  readonly taps: number;
}

/**
 * Coefficients of the outputs `first … first + count - 1` when `input` pixels are resized to `output` pixels: Pillow's
 * `precompute_coeffs` and `normalize_coeffs_8bpc` (src/libImaging/Resample.c), operation by operation, since the last bit of a
 * double decides how a coefficient rounds.
 */
export function coefficients(
  interpolation: Exclude<Interpolation, 'nearest'>,
  input: number,
  output: number,
  first: number,
  count: number,
): Coefficients {
  const { support: unitSupport, weight } = FILTERS[interpolation];
  const scale = input / output;
  const filterScale = Math.max(scale, 1);
  const support = unitSupport * filterScale;
  const taps = Math.ceil(support) * 2 + 1;
  const inverse = 1 / filterScale;
  const starts = new Int32Array(count);
  const counts = new Int32Array(count);
  const weights = new Int32Array(count * taps);
  const kernel = new Float64Array(taps);
  for (let i = 0; i < count; i++) {
    const centre = (first + i + 0.5) * scale;
    const start = Math.max(Math.trunc(centre - support + 0.5), 0);
    const size = Math.min(Math.trunc(centre + support + 0.5), input) - start;
    let sum = 0;
    for (let t = 0; t < size; t++) {
      const w = weight((t + start - centre + 0.5) * inverse);
      kernel[t] = w;
      sum += w;
    }
    for (let t = 0; t < size; t++) {
      const w = (sum === 0 ? kernel[t]! : kernel[t]! / sum) * (1 << PRECISION);
      weights[i * taps + t] = Math.trunc(w < 0 ? w - 0.5 : w + 0.5);
    }
    starts[i] = start;
    counts[i] = size;
  }
  return { starts, counts, weights, taps };
}

/** Source pixels of the outputs `first … first + count - 1` under nearest neighbour; the position is summed up as Pillow sums it. */
export function nearestSources(input: number, output: number, first: number, count: number): Int32Array {
  const step = input / output;
  const sources = new Int32Array(count);
  let position = step * 0.5;
  for (let i = 0; i < first + count; i++, position += step)
    if (i >= first) sources[i - first] = Math.min(Math.trunc(position), input - 1);
  return sources;
}
