/**
 * Where the pixels of one resized axis come from: output i is `(1 - fraction) · low + fraction · high`, low and high being
 * source indices. Resizing is linear and works on each axis alone, so these maps are all there is to it.
 */
export interface AxisMap {
  low: Int32Array;
  high: Int32Array;
  fraction: Float64Array;
}

/** Half-pixel centres, clamped at the borders, no antialiasing (PyTorch `align_corners=False`). */
export function bilinearAxis(input: number, output: number): AxisMap {
  const map = emptyMap(output);
  for (let i = 0; i < output; i++) {
    const position = Math.max(0, ((i + 0.5) * input) / output - 0.5);
    const low = Math.min(Math.floor(position), input - 1);
    map.low[i] = low;
    map.high[i] = Math.min(low + 1, input - 1);
    map.fraction[i] = position - low;
  }
  return map;
}

/**
 * `floor(i · scale)` with scale and product rounded to float32, as PyTorch's `nearest` and TensorFlow compute it. Up to size
 * 64 that differs from the exact floor(i · input / output) for 15 of 4096 pairs, the first of them 14 → 46; doublings
 * (input = ⌈output / 2⌉), which the models use, are never among them.
 */
export function nearestAxis(input: number, output: number): AxisMap {
  const map = emptyMap(output);
  const scale = Math.fround(input / output);
  for (let i = 0; i < output; i++) {
    map.low[i] = Math.min(Math.floor(Math.fround(i * scale)), input - 1);
    map.high[i] = map.low[i]!;
  }
  return map;
}

function emptyMap(output: number): AxisMap {
  return {
    low: new Int32Array(output),
    high: new Int32Array(output),
    fraction: new Float64Array(output),
  };
}
