/** Something like normalised images, `[batch, size, size, 3]`, the same for the same seed. */
export function syntheticImages(batch: number, size: number, seed = 0): Float32Array {
  let state = (seed * 2654435761 + 12345) >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Float32Array.from({ length: batch * size * size * 3 }, () => (next() + next() + next() - 1.5) * 2);
}
