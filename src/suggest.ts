import { closest, distance } from 'fastest-levenshtein';

/**
 * The candidate nearest to `word`, or undefined when none is near enough to be what was meant
 * (more than two edits and more than a third of the word away).
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (candidates.length === 0) return undefined;
  const lower = word.toLowerCase();
  const best = closest(lower, candidates as string[]);
  return distance(lower, best.toLowerCase()) <= Math.max(2, Math.ceil(word.length / 3)) ? best : undefined;
}

/** ` Did you mean "x"?` with a leading space, or an empty string: to end an error message with. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const best = nearest(word, candidates);
  return best === undefined ? '' : ` Did you mean "${best}"?`;
}
