import * as tf from '@tensorflow/tfjs';
import { computeOnArrays } from './array-backend.js';

/**
 * The output gradient of a convolution, spread out so that a plain convolution (stride 1, no padding) with the turned
 * filter gives the input gradient: `stride - 1` zeros between the values, and zeros around them up to the size that the
 * filter shrinks to the input's. Backends cpu and wasm.
 *
 * @param dy [n, h', w', c]
 * @param kernel height and width of the filter
 * @param inputShape [n, h, w, …] of the convolution's input
 * @param padding zeros that the convolution added above and on the left
 * @returns [n, h + kh - 1, w + kw - 1, c]
 */
export function spreadGradient(
  dy: tf.Tensor4D,
  kernel: [number, number],
  inputShape: readonly number[],
  stride: [number, number],
  padding: [number, number],
): tf.Tensor4D {
  const [batch, outHeight, outWidth, channels] = dy.shape;
  const height = inputShape[1]! + kernel[0] - 1;
  const width = inputShape[2]! + kernel[1] - 1;
  const top = kernel[0] - 1 - padding[0];
  const left = kernel[1] - 1 - padding[1];
  const [info] = computeOnArrays(
    tf.backend(),
    [dy],
    [[batch, height, width, channels]],
    ([source], [target]) => {
      target!.fill(0);
      let from = 0;
      for (let n = 0; n < batch; n++)
        for (let i = 0; i < outHeight; i++) {
          let to = ((n * height + top + i * stride[0]) * width + left) * channels;
          for (let j = 0; j < outWidth; j++) {
            for (let c = 0; c < channels; c++) target![to + c] = source![from + c]!;
            from += channels;
            to += stride[1] * channels;
          }
        }
    },
  );
  return tf.engine().makeTensorFromTensorInfo(info!) as tf.Tensor4D;
}
