/**
 * The value that a share `q` of all values lies below, between two of them by straight line (the rule of NumPy and R's type 7).
 *
 * @param values at least one, in any order
 */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at % 1);
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);
