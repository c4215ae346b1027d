import * as tf from '@tensorflow/tfjs';
import { computeOnArrays } from './array-backend.js';

/**
 * The values that each tap of a filter meets, one row a tap and input channel, one column an output position ("im2col",
 * transposed). Backends cpu and wasm.
 *
 * @param x [n, h, w, c]
 * @returns [kh · kw · c, n · h' · w'], zero where a tap lies outside of the input
 */
export function unfold(x: tf.Tensor4D, info: tf.backend_util.Conv2DInfo): tf.Tensor2D {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, filterHeight, filterWidth } = info;
  const positions = batchSize * outHeight * outWidth;
  const [result] = computeOnArrays(
    tf.backend(),
    [x],
    [[filterHeight * filterWidth * inChannels, positions]],
    ([source], [target]) => {
      target!.fill(0);
      for (let row = 0; row < batchSize * outHeight; row++)
        for (let tap = 0; tap < filterHeight * filterWidth; tap++) {
          const y = (row % outHeight) * info.strideHeight + Math.floor(tap / filterWidth) - info.padInfo.top;
          if (y < 0 || y >= inHeight) continue;
          const left = (tap % filterWidth) - info.padInfo.left;
          const [first, end] = inside(left, info.strideWidth, inWidth, outWidth);
          const line = (Math.floor(row / outHeight) * inHeight + y) * inWidth;
          for (let c = 0; c < inChannels; c++) {
            const to = (tap * inChannels + c) * positions + row * outWidth;
            const from = (line + left) * inChannels + c;
            for (let i = first; i < end; i++)
              target![to + i] = source![from + i * info.strideWidth * inChannels]!;
          }
        }
    },
  );
  return tf.engine().makeTensorFromTensorInfo(result!) as tf.Tensor2D;
}

/** The range of i for which 0 ≤ left + i · stride < size, within [0, count). */
function inside(left: number, stride: number, size: number, count: number): [number, number] {
  const first = Math.max(0, Math.ceil(-left / stride));
  return [first, Math.min(count, Math.ceil((size - left) / stride))];
}
