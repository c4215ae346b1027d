/** Naive float64 versions of the operations, written from their definitions. */

/** erf by its Maclaurin series in the form whose terms have one sign. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let k = 1; Math.abs(term) > 1e-18 * Math.abs(sum); k++) {
    term *= (2 * x * x) / (2 * k + 1);
    sum += term;
  }
  return ((2 * Math.exp(-x * x)) / Math.sqrt(Math.PI)) * sum;
}

export const gelu = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2));

export const geluSlope = (x: number): number =>
  0.5 * (1 + erf(x / Math.SQRT2)) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);

export interface BatchNormReference {
  output: Float64Array;
  mean: Float64Array;
  unbiased: Float64Array;
  dx: Float64Array;
  dgamma: Float64Array;
  dbeta: Float64Array;
}

/** Batch norm of a matrix [n, c] and the gradients of Σ dy · output, through the full chain rule. */
export function batchNorm(
  x: ArrayLike<number>,
  gamma: ArrayLike<number>,
  beta: ArrayLike<number>,
  epsilon: number,
  dy: ArrayLike<number>,
): BatchNormReference {
  const c = gamma.length;
  const n = x.length / c;
  const result: BatchNormReference = {
    output: new Float64Array(n * c),
    mean: new Float64Array(c),
    unbiased: new Float64Array(c),
    dx: new Float64Array(n * c),
    dgamma: new Float64Array(c),
    dbeta: new Float64Array(c),
  };
  for (let j = 0; j < c; j++) {
    const column = Array.from({ length: n }, (_, i) => x[i * c + j]!);
    const up = Array.from({ length: n }, (_, i) => dy[i * c + j]!);
    const mean = column.reduce((a, b) => a + b, 0) / n;
    const squares = column.reduce((a, v) => a + (v - mean) ** 2, 0);
    const deviation = Math.sqrt(squares / n + epsilon);
    const normalised = column.map((v) => (v - mean) / deviation);
    result.mean[j] = mean;
    result.unbiased[j] = squares / (n - 1);
    result.dbeta[j] = up.reduce((a, b) => a + b, 0);
    result.dgamma[j] = up.reduce((a, g, i) => a + g * normalised[i]!, 0);
    for (let i = 0; i < n; i++) {
      result.output[i * c + j] = normalised[i]! * gamma[j]! + beta[j]!;
      // ∂x̂_k/∂x_i = (δ_ki - 1/n - x̂_k x̂_i / n) / deviation
      let sum = 0;
      for (let k = 0; k < n; k++)
        sum += up[k]! * ((k === i ? 1 : 0) - 1 / n - (normalised[k]! * normalised[i]!) / n);
      result.dx[i * c + j] = (gamma[j]! * sum) / deviation;
    }
  }
  return result;
}

export type Shape4D = [number, number, number, number];

/** Calls `visit` with the flat indices of every product that a padded, strided, grouped convolution sums. */
function eachProduct(
  [n, h, w, c]: Shape4D,
  [kh, kw, , out]: Shape4D,
  stride: number,
  groups: number,
  visit: (x: number, filter: number, y: number) => void,
): Shape4D {
  const [ph, pw] = [Math.floor(kh / 2), Math.floor(kw / 2)];
  const oh = Math.floor((h + 2 * ph - kh) / stride) + 1;
  const ow = Math.floor((w + 2 * pw - kw) / stride) + 1;
  const inputs = c / groups;
  for (let b = 0; b < n; b++)
    for (let oy = 0; oy < oh; oy++)
      for (let ox = 0; ox < ow; ox++)
        for (let i = 0; i < c; i++)
          for (let m = 0; m < out; m++)
            for (let ky = 0; ky < kh; ky++)
              for (let kx = 0; kx < kw; kx++) {
                const y = oy * stride + ky - ph;
                const x = ox * stride + kx - pw;
                if (y < 0 || y >= h || x < 0 || x >= w) continue;
                visit(
                  ((b * h + y) * w + x) * c + i,
                  ((ky * kw + kx) * c + i) * out + m,
                  ((b * oh + oy) * ow + ox) * out * groups + Math.floor(i / inputs) * out + m,
                );
              }
  return [n, oh, ow, out * groups];
}

/** Output of a convolution and the gradients of Σ dy · output for a dy given by `project`. */
export function conv2d(
  x: ArrayLike<number>,
  xShape: Shape4D,
  filter: ArrayLike<number>,
  filterShape: Shape4D,
  stride: number,
  groups: number,
  project: (size: number) => ArrayLike<number>,
): { shape: Shape4D; output: Float64Array; dx: Float64Array; dfilter: Float64Array } {
  const shape = eachProduct(xShape, filterShape, stride, groups, () => undefined);
  const size = shape.reduce((a, b) => a * b, 1);
  const dy = project(size);
  const output = new Float64Array(size);
  const dx = new Float64Array(x.length);
  const dfilter = new Float64Array(filter.length);
  eachProduct(xShape, filterShape, stride, groups, (i, f, o) => {
    output[o]! += x[i]! * filter[f]!;
    dx[i]! += dy[o]! * filter[f]!;
    dfilter[f]! += dy[o]! * x[i]!;
  });
  return { shape, output, dx, dfilter };
}

type Sources = { index: number; weight: number }[];

/** Sources of one output pixel on one axis: linear interpolation at (i + 0.5) · in / out - 0.5, clamped. */
export function bilinearSources(i: number, input: number, output: number): Sources {
  const position = Math.min(Math.max(((i + 0.5) * input) / output - 0.5, 0), input - 1);
  const low = Math.floor(position);
  return [
    { index: low, weight: 1 - (position - low) },
    { index: Math.min(low + 1, input - 1), weight: position - low },
  ];
}

/** PyTorch's nearest: its scale and product are float32. */
export function nearestSources(i: number, input: number, output: number): Sources {
  const position = Math.fround(i * Math.fround(input / output));
  return [{ index: Math.min(Math.floor(position), input - 1), weight: 1 }];
}

/** Resized image and the gradient of Σ dy · output. */
export function resize(
  x: ArrayLike<number>,
  [n, h, w, c]: Shape4D,
  [outHeight, outWidth]: [number, number],
  sources: (i: number, input: number, output: number) => Sources,
  dy: ArrayLike<number>,
): { output: Float64Array; dx: Float64Array } {
  const output = new Float64Array(n * outHeight * outWidth * c);
  const dx = new Float64Array(x.length);
  for (let b = 0; b < n; b++)
    for (let i = 0; i < outHeight; i++)
      for (let j = 0; j < outWidth; j++)
        for (let k = 0; k < c; k++) {
          const o = ((b * outHeight + i) * outWidth + j) * c + k;
          for (const row of sources(i, h, outHeight))
            for (const column of sources(j, w, outWidth)) {
              const from = ((b * h + row.index) * w + column.index) * c + k;
              output[o]! += row.weight * column.weight * x[from]!;
              dx[from]! += row.weight * column.weight * dy[o]!;
            }
        }
  return { output, dx };
}
