import * as tf from '@tensorflow/tfjs';
import { NativeAttrs, type NodeBackend } from './node-backend.js';

/**
 * Batch norm by TensorFlow's FusedBatchNormV3. Its batch_variance is the unbiased one already; the three reserve spaces
 * go back to the gradient as they are (on a GPU they hold something else than on a CPU).
 */
export const nativeBatchNorm: tf.KernelFunc = ({ inputs, attrs, backend }) => {
  const node = backend as NodeBackend;
  const { x, gamma, beta } = inputs as Record<string, tf.Tensor>;
  const { epsilon } = attrs as { epsilon: number };
  return tf.tidy(() => {
    const unused = tf.tensor1d([]);
    const [output, ...rest] = node.executeMultipleOutputs(
      'FusedBatchNormV3',
      commonAttrs(node, epsilon).number('exponential_avg_factor', 1).list(),
      [asImages(x!), gamma!, beta!, unused, unused],
      6,
    );
    return [tf.reshape(output!, x!.shape), ...rest];
  });
};

export const nativeBatchNormGrad: tf.KernelFunc = ({ inputs, attrs, backend }) => {
  const node = backend as NodeBackend;
  const { dy, x, gamma, reserve0, reserve1, reserve2 } = inputs as Record<string, tf.Tensor>;
  const { epsilon } = attrs as { epsilon: number };
  return tf.tidy(() => {
    const [dx, dgamma, dbeta] = node.executeMultipleOutputs(
      'FusedBatchNormGradV3',
      commonAttrs(node, epsilon).list(),
      [asImages(dy!), asImages(x!), gamma!, reserve0!, reserve1!, reserve2!],
      5,
    );
    return [tf.reshape(dx!, x!.shape), dgamma!, dbeta!];
  });
};

function commonAttrs(node: NodeBackend, epsilon: number): NativeAttrs {
  return new NativeAttrs(node)
    .float32('T', 'U')
    .number('epsilon', epsilon)
    .string('data_format', 'NHWC')
    .bool('is_training', true);
}

/** [n, c] as [n, 1, 1, c]: the native operation knows images only. */
function asImages(x: tf.Tensor): tf.Tensor {
  return x.rank === 2 ? tf.reshape(x, [x.shape[0]!, 1, 1, x.shape[1]!]) : x;
}
