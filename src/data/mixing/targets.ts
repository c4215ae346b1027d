/**
 * Soft targets of mixed pictures (timm's `mixup_target`): one-hot with label smoothing, off = s / K and on = 1 - s + s / K, mixed as
 * the pictures are: `lam` of one's own and `1 - lam` of the partner's, picture `batch - 1 - i`. Every step in float32.
 *
 * @param lams share of one's own label, one a picture
 * @returns `[batch, numClasses]`, row-major
 */
export function mixedTargets(
  labels: Int32Array,
  lams: ArrayLike<number>,
  numClasses: number,
  smoothing: number,
): Float32Array {
  const f32 = Math.fround;
  const off = f32(smoothing / numClasses);
  const on = f32(1 - smoothing + smoothing / numClasses);
  const batch = labels.length;
  const targets = new Float32Array(batch * numClasses);
  for (let i = 0; i < batch; i++) {
    const own = f32(lams[i]!);
    const other = f32(1 - lams[i]!);
    const mix = (mine: number, theirs: number): number => f32(mine * own) + f32(theirs * other);
    const row = i * numClasses;
    targets.fill(mix(off, off), row, row + numClasses);
    const label = labels[i]!;
    const partner = labels[batch - 1 - i]!;
    if (label === partner) targets[row + label] = mix(on, on);
    else {
      targets[row + label] = mix(on, off);
      targets[row + partner] = mix(off, on);
    }
  }
  return targets;
}
