/**
 * Exact GELU over arrays in one pass. The normal distribution's cdf and pdf come from a table and the Taylor series
 * around the nearest entry, whose derivatives are the pdf times Hermite polynomials. Four terms leave an error of 1e-10,
 * far below float32's rounding; there is no exp and no division in the loop.
 */

/** Beyond this, cdf and x · pdf are 0 or 1 to 1e-10. */
const LIMIT = 7;
const PER_UNIT = 64;
const CENTRE = LIMIT * PER_UNIT;

const PDF = Float64Array.from({ length: 2 * CENTRE + 1 }, (_, i) => pdf((i - CENTRE) / PER_UNIT));
const CDF = Float64Array.from({ length: 2 * CENTRE + 1 }, (_, i) => cdf((i - CENTRE) / PER_UNIT));

function pdf(x: number): number {
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}

/** 1/2 + pdf(x) · (x + x³/3 + x⁵/(3·5) + …): all terms of one sign, so nothing cancels. */
function cdf(x: number): number {
  let term = x;
  let sum = x;
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 + pdf(x) * sum;
}

/** y = x · cdf(x) */
export function geluArray(x: Float32Array, y: Float32Array): void {
  for (let i = 0; i < x.length; i++) {
    const v = x[i]!;
    if (v > LIMIT) y[i] = v;
    else if (v < -LIMIT) y[i] = 0;
    else {
      const k = (v * PER_UNIT + (CENTRE + 0.5)) | 0;
      const t = (k - CENTRE) / PER_UNIT;
      const d = v - t;
      y[i] = v * (CDF[k]! + PDF[k]! * d * (1 - d * (t / 2 - (d * (t * t - 1)) / 6)));
    }
  }
}

/** dx = dy · (cdf(x) + x · pdf(x)) */
export function geluGradArray(dy: Float32Array, x: Float32Array, dx: Float32Array): void {
  for (let i = 0; i < x.length; i++) {
    const v = x[i]!;
    if (v > LIMIT) dx[i] = dy[i]!;
    else if (v < -LIMIT) dx[i] = 0;
    else {
      const k = (v * PER_UNIT + (CENTRE + 0.5)) | 0;
      const t = (k - CENTRE) / PER_UNIT;
      const d = v - t;
      const he2 = t * t - 1;
      const density = 1 - d * (t - d * (he2 / 2 - (d * t * (t * t - 3)) / 6));
      const integral = d * (1 - d * (t / 2 - (d * he2) / 6));
      dx[i] = dy[i]! * (CDF[k]! + PDF[k]! * (integral + v * density));
    }
  }
}
