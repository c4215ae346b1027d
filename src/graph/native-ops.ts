/** What our own library of operations (`native/`) computes of what a graph asks for. */

type Shape4D = readonly [number, number, number, number];

/** Depthwise convolutions with a square kernel and one or two outputs a channel. */
export function hasNativeDepthwise(
  [, , , channels]: Shape4D,
  [height, width, , multiplier]: Shape4D,
  groups: number,
): boolean {
  return groups === channels && height === width && [3, 5, 7].includes(height) && multiplier <= 2;
}
