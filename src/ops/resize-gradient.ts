import * as tf from '@tensorflow/tfjs';
import type { AxisMap } from './resize-axis.js';

type Shape4D = readonly [number, number, number, number];

/**
 * Gradient of a resize, transposed axis by axis: first along the height, where whole rows are added, then along the width.
 *
 * @param dy gradient of the output, [n, H, W, c]; H and W are the lengths of `rows` and `columns`
 * @param dx gradient of the input, of shape `inputShape` = [n, h, w, c]
 */
export function resizeGradientArray(
  dy: Float32Array,
  dx: Float32Array,
  [batch, height, width, channels]: Shape4D,
  rows: AxisMap,
  columns: AxisMap,
): void {
  const outHeight = rows.low.length;
  const outWidth = columns.low.length;
  const wide = outWidth * channels;
  const narrow = width * channels;
  // One image with its height done and its width still to do.
  const partial = new Float32Array(height * wide);
  dx.fill(0);
  for (let n = 0; n < batch; n++) {
    partial.fill(0);
    for (let i = 0; i < outHeight; i++) {
      const from = (n * outHeight + i) * wide;
      const fraction = rows.fraction[i]!;
      addScaled(dy, from, partial, rows.low[i]! * wide, wide, 1 - fraction);
      if (fraction !== 0) addScaled(dy, from, partial, rows.high[i]! * wide, wide, fraction);
    }
    for (let y = 0; y < height; y++) {
      const to = (n * height + y) * narrow;
      for (let j = 0; j < outWidth; j++) {
        const from = y * wide + j * channels;
        const fraction = columns.fraction[j]!;
        addScaled(partial, from, dx, to + columns.low[j]! * channels, channels, 1 - fraction);
        if (fraction !== 0)
          addScaled(partial, from, dx, to + columns.high[j]! * channels, channels, fraction);
      }
    }
  }
}

function addScaled(
  source: Float32Array,
  from: number,
  target: Float32Array,
  to: number,
  count: number,
  scale: number,
): void {
  for (let k = 0; k < count; k++) target[to + k]! += scale * source[from + k]!;
}

/** The same by two products with constant matrices, for backends whose memory cannot be reached. */
export function resizeGradientMatmul(
  dy: tf.Tensor4D,
  [batch, height, width, channels]: Shape4D,
  rows: AxisMap,
  columns: AxisMap,
): tf.Tensor4D {
  return tf.tidy(() => {
    const outHeight = rows.low.length;
    const outWidth = columns.low.length;
    const flatRows = tf.reshape(dy, [batch, outHeight, outWidth * channels]);
    const partial = tf.matMul(transposedAxis(rows, height), flatRows);
    const flatColumns = tf.reshape(partial, [batch * height, outWidth, channels]);
    const result = tf.matMul(transposedAxis(columns, width), flatColumns);
    return tf.reshape(result, [batch, height, width, channels]);
  });
}

/** The axis map as a matrix [1, input, output]: transposed interpolation weights. */
function transposedAxis({ low, high, fraction }: AxisMap, input: number): tf.Tensor3D {
  const output = low.length;
  const weights = new Float32Array(input * output);
  for (let i = 0; i < output; i++) {
    weights[low[i]! * output + i]! += 1 - fraction[i]!;
    weights[high[i]! * output + i]! += fraction[i]!;
  }
  return tf.tensor3d(weights, [1, input, output]);
}
