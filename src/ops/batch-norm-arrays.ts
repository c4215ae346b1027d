/** Batch norm over arrays, channels last: two passes forward, two backward, sums in float64. */

interface Forward {
  x: Float32Array;
  gamma: Float32Array;
  beta: Float32Array;
  epsilon: number;
}

interface Statistics {
  output: Float32Array;
  mean: Float32Array;
  /** Unbiased. */
  variance: Float32Array;
  /** 1/√(biased variance + epsilon) */
  inverseDeviation: Float32Array;
}

export function batchNormArray(
  { x, gamma, beta, epsilon }: Forward,
  { output, mean, variance, inverseDeviation }: Statistics,
): void {
  const channels = gamma.length;
  const n = x.length / channels;
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  // Relative to the first value of each channel, so that a large mean does not swallow a small variance.
  const origin = Float64Array.from(x.subarray(0, channels));
  for (let i = 0; i < x.length;)
    for (let c = 0; c < channels; c++, i++) {
      const d = x[i]! - origin[c]!;
      sums[c]! += d;
      squares[c]! += d * d;
    }
  const scale = new Float64Array(channels);
  const shift = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    const offset = sums[c]! / n;
    const biased = Math.max(0, squares[c]! / n - offset * offset);
    const inverse = 1 / Math.sqrt(biased + epsilon);
    mean[c] = origin[c]! + offset;
    variance[c] = (biased * n) / (n - 1);
    inverseDeviation[c] = inverse;
    scale[c] = inverse * gamma[c]!;
    shift[c] = beta[c]! - (origin[c]! + offset) * scale[c]!;
  }
  for (let i = 0; i < x.length;)
    for (let c = 0; c < channels; c++, i++) output[i] = x[i]! * scale[c]! + shift[c]!;
}

interface Backward {
  dy: Float32Array;
  x: Float32Array;
  gamma: Float32Array;
  mean: Float32Array;
  inverseDeviation: Float32Array;
}

interface Gradients {
  dx: Float32Array;
  dgamma: Float32Array;
  dbeta: Float32Array;
}

/** With x̂ the normalised x: dbeta = Σdy, dgamma = Σdy·x̂, dx = gamma/σ · (dy - dbeta/n - x̂ · dgamma/n). */
export function batchNormGradArray(
  { dy, x, gamma, mean, inverseDeviation }: Backward,
  { dx, dgamma, dbeta }: Gradients,
): void {
  const channels = gamma.length;
  const n = x.length / channels;
  const sums = new Float64Array(channels);
  const products = new Float64Array(channels);
  const means = Float64Array.from(mean);
  for (let i = 0; i < x.length;)
    for (let c = 0; c < channels; c++, i++) {
      const g = dy[i]!;
      sums[c]! += g;
      products[c]! += g * (x[i]! - means[c]!);
    }
  const scale = new Float64Array(channels);
  const slope = new Float64Array(channels);
  const shift = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    const inverse = inverseDeviation[c]!;
    dbeta[c] = sums[c]!;
    dgamma[c] = products[c]! * inverse;
    scale[c] = gamma[c]! * inverse;
    slope[c] = (-scale[c]! * products[c]! * inverse * inverse) / n;
    shift[c] = (-scale[c]! * sums[c]!) / n - slope[c]! * means[c]!;
  }
  for (let i = 0; i < x.length;)
    for (let c = 0; c < channels; c++, i++) dx[i] = dy[i]! * scale[c]! + x[i]! * slope[c]! + shift[c]!;
}
