import * as tf from '@tensorflow/tfjs';
import { registerKernelOnce } from './register.js';

/** Sums the rows of x that have the same segment id: the gradient of `tf.gather`. */
const unsortedSegmentSum: tf.KernelFunc = ({ inputs, attrs }) => {
  const { x, segmentIds } = inputs as { x: tf.Tensor; segmentIds: tf.Tensor };
  const { numSegments } = attrs as { numSegments: number };
  const rows = segmentIds.size;
  return tf.tidy(() => {
    const membership = tf.oneHot(tf.reshape(segmentIds, [rows]), numSegments);
    const sums = tf.matMul(tf.transpose(tf.cast(membership, 'float32')), tf.reshape(x, [rows, -1]));
    return tf.reshape(sums, [numSegments, ...x.shape.slice(segmentIds.rank)]);
  });
};

/** tfjs-backend-wasm 4.22 lacks it. */
export function registerWasmSegmentSum(): void {
  registerKernelOnce('UnsortedSegmentSum', 'wasm', unsortedSegmentSum);
}
