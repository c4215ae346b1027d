import * as tf from '@tensorflow/tfjs';
import { computeOnArrays } from './array-backend.js';

type Geometry = tf.backend_util.Conv2DInfo;

/**
 * The values that each tap of a filter meets, one row a tap and input channel, one column an output position ("im2col",
 * transposed). Backends cpu and wasm.
 *
 * @param x [n, h, w, c]
 * @returns [kh · kw · c, n · h' · w'], zero where a tap lies outside of the input
 */
export function unfold(x: tf.Tensor4D, info: Geometry): tf.Tensor2D {
  const shape = [info.filterHeight * info.filterWidth * info.inChannels, positions(info)];
  const [result] = computeOnArrays(tf.backend(), [x], [shape], ([image], [unfolded]) => {
    unfolded!.fill(0);
    eachRun(info, (at, pixel, step, count) => {
      for (let i = 0; i < count; i++) unfolded![at + i] = image![pixel + i * step]!;
    });
  });
  return tf.engine().makeTensorFromTensorInfo(result!) as tf.Tensor2D;
}

/**
 * The transposed operation: adds every value back to the pixel it was taken from. Backends cpu and wasm.
 *
 * @param unfolded [kh · kw · c, n · h' · w']
 * @returns [n, h, w, c]
 */
export function fold(unfolded: tf.Tensor2D, info: Geometry): tf.Tensor4D {
  const [result] = computeOnArrays(tf.backend(), [unfolded], [info.inShape], ([values], [image]) => {
    image!.fill(0);
    eachRun(info, (at, pixel, step, count) => {
      for (let i = 0; i < count; i++) image![pixel + i * step]! += values![at + i]!;
    });
  });
  return tf.engine().makeTensorFromTensorInfo(result!) as tf.Tensor4D;
}

/**
 * Calls `visit` for every tap, input channel and row of output positions, with the part of the row whose taps lie inside of
 * the input: where it starts in the unfolded matrix, where its first pixel is, how far its pixels are apart, how many.
 */
function eachRun(
  info: Geometry,
  visit: (at: number, pixel: number, step: number, count: number) => void,
): void {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, filterHeight, filterWidth } = info;
  const { strideHeight, strideWidth, padInfo } = info;
  const columns = positions(info);
  for (let row = 0; row < batchSize * outHeight; row++)
    for (let tap = 0; tap < filterHeight * filterWidth; tap++) {
      const y = (row % outHeight) * strideHeight + Math.floor(tap / filterWidth) - padInfo.top;
      if (y < 0 || y >= inHeight) continue;
      const left = (tap % filterWidth) - padInfo.left;
      const first = Math.max(0, Math.ceil(-left / strideWidth));
      const end = Math.min(outWidth, Math.ceil((inWidth - left) / strideWidth));
      const x = left + first * strideWidth;
      const pixel = ((Math.floor(row / outHeight) * inHeight + y) * inWidth + x) * inChannels;
      const at = tap * inChannels * columns + row * outWidth + first;
      for (let c = 0; c < inChannels; c++)
        visit(at + c * columns, pixel + c, strideWidth * inChannels, end - first);
    }
}

function positions({ batchSize, outHeight, outWidth }: Geometry): number {
  return batchSize * outHeight * outWidth;
}
