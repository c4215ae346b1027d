import type { Draws } from '../random.js';

/**
 * A draw of Beta(alpha, alpha), by the methods of NumPy: Jöhnk's for alpha up to 1, the share of one of two gamma variates above.
 *
 * @param alpha above 0
 */
export function symmetricBeta(alpha: number, draws: Draws): number {
  if (alpha > 1) {
    const first = gamma(alpha, draws);
    return first / (first + gamma(alpha, draws));
  }
  for (;;) {
    // The logarithms of u^(1/alpha) and v^(1/alpha): for a small alpha the powers themselves may underflow.
    const x = Math.log(1 - draws.uniform()) / alpha;
    const y = Math.log(1 - draws.uniform()) / alpha;
    const larger = Math.max(x, y);
    const sum = larger + Math.log(Math.exp(x - larger) + Math.exp(y - larger));
    if (sum <= 0) return Math.exp(x - sum);
  }
}

/** A draw of Gamma(shape, 1), shape above 1 (Marsaglia and Tsang: "A simple method for generating gamma variables", 2000). */
function gamma(shape: number, draws: Draws): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = draws.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - draws.uniform()) < 0.5 * x * x + d * (1 - v + Math.log(v))) return d * v;
  }
}
