/**
 * Samples that are the same, groups in the order of their first one.
 *
 * @param indices of the samples to look at, ascending
 * @param bytes hash of each sample's file
 * @param pixels hash of what is to be seen in it
 */
export function duplicateGroups(
  indices: Int32Array,
  bytes: BigUint64Array,
  pixels: BigUint64Array,
): { indices: number[]; sameBytes: boolean }[] {
  // Sorted by hash, by number among equals: the same ones stand beside each other.
  const sorted = indices.slice().sort((a, b) => {
    const [x, y] = [pixels[a]!, pixels[b]!];
    return x < y ? -1 : x > y ? 1 : a - b;
  });
  const groups: { indices: number[]; sameBytes: boolean }[] = [];
  for (let from = 0; from < sorted.length;) {
    let to = from + 1;
    while (to < sorted.length && pixels[sorted[to]!] === pixels[sorted[from]!]) to++;
    const group = [...sorted.subarray(from, to)];
    if (group.length > 1)
      groups.push({ indices: group, sameBytes: group.every((i) => bytes[i] === bytes[group[0]!]) });
    from = to;
  }
  return groups.sort((a, b) => a.indices[0]! - b.indices[0]!);
}
