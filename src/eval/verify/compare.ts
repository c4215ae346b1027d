/** How far one module's output is from what it should be. */
export interface LayerDifference {
  /** Module, as the checkpoint names it; `logits` for the model's output. */
  readonly layer: string;
  readonly maxAbsDiff: number;
  /** Relative to the largest magnitude expected. */
  readonly relative: number;
  /** The largest `relative` that rounding explains. */
  readonly limit: number;
}

/** The reference's own float32 noise is ten to thirty times smaller; typical porting mistakes are ten times larger and more. */
export const LOGITS_LIMIT = 1e-5;
export const FEATURES_LIMIT = 2e-5;

/** @param largest magnitude of the whole tensor the expected values are from */
export function difference(
  layer: string,
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  largest: number,
): LayerDifference {
  let maxAbsDiff = found.length === expected.length ? 0 : Infinity;
  for (let i = 0; i < expected.length; i++) {
    const gap = Math.abs(found[i]! - expected[i]!);
    // NaN compares false with everything: it must not pass for no difference.
    if (!(gap <= maxAbsDiff)) maxAbsDiff = Number.isNaN(gap) ? Infinity : gap;
  }
  const relative = maxAbsDiff === 0 ? 0 : maxAbsDiff / largest;
  return { layer, maxAbsDiff, relative, limit: layer === 'logits' ? LOGITS_LIMIT : FEATURES_LIMIT };
}

/** The one nearest to its limit, or furthest beyond it. */
export function worst(differences: readonly LayerDifference[]): LayerDifference {
  return differences.reduce((a, b) => (b.relative / b.limit > a.relative / a.limit ? b : a));
}

export function largestOf(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]!));
  return largest;
}
