import * as tf from '@tensorflow/tfjs';

/**
 * Classes to probabilities with label smoothing: 1 - s + s/K for the class of a sample, s/K elsewhere.
 * Cross entropy against it equals timm's LabelSmoothingCrossEntropy, (1 - s) nll + s mean(-log p).
 *
 * @param labels int32 `[batch]`
 * @returns `[batch, classes]`, each row summing to 1
 */
export function smoothedTargets(labels: tf.Tensor1D, classes: number, smoothing: number): tf.Tensor2D {
  return tf.tidy(() => {
    // As int32: the wasm kernel writes integers whatever type and on/off values it is asked for (TF.js 4.22).
    const oneHot = tf.oneHot(labels, classes).cast('float32') as tf.Tensor2D;
    return smoothing === 0 ? oneHot : oneHot.mul(1 - smoothing).add(smoothing / classes);
  });
}

/**
 * Mean over the batch of -sum(targets log softmax(logits)), as timm's SoftTargetCrossEntropy.
 *
 * @param logits `[batch, classes]`
 * @param targets probabilities `[batch, classes]`; no gradient flows into them
 */
export function softTargetCrossEntropy(logits: tf.Tensor2D, targets: tf.Tensor2D): tf.Scalar {
  return tf.tidy(() => {
    const sum = targets.mul(tf.logSoftmax(logits)).sum();
    return sum.mul(-1 / logits.shape[0]).asScalar();
  });
}

/** Mean cross entropy of logits `[batch, classes]` against classes (int32 `[batch]`). */
export function crossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  return tf.tidy(() => softTargetCrossEntropy(logits, smoothedTargets(labels, logits.shape[1], 0)));
}
