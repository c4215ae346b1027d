import * as tf from '@tensorflow/tfjs';
import { crossEntropy } from './losses.js';

export interface Distillation {
  readonly type: 'hard' | 'soft';
  /** Weight of the distillation loss: loss = (1 - alpha) base + alpha distillation. */
  readonly alpha: number;
  /** Temperature of `soft`. */
  readonly tau: number;
}

/**
 * What the distillation head learns from the teacher (DeiT, Touvron et al. 2021, section 4, as the reference computes it):
 * `hard`: cross entropy against the teacher's arg-max; `soft`: tau²/(N K) sum p_t (log p_t - log p_s) at temperature tau,
 * summed over the batch and divided by batch × classes.
 *
 * @param student logits of the distillation head, `[batch, classes]`
 * @param teacher logits of the teacher, `[batch, classes]`; no gradient flows into them
 */
export function distillationLoss(
  student: tf.Tensor2D,
  teacher: tf.Tensor2D,
  { type, tau }: Pick<Distillation, 'type' | 'tau'>,
): tf.Scalar {
  return tf.tidy(() => {
    if (type === 'hard') return crossEntropy(student, teacher.argMax(1) as tf.Tensor1D);
    const logTeacher = tf.logSoftmax(teacher.div(tau));
    const logStudent = tf.logSoftmax(student.div(tau));
    const divergence = logTeacher.exp().mul(logTeacher.sub(logStudent)).sum();
    return divergence.mul((tau * tau) / student.size).asScalar();
  });
}

/** (1 - alpha) base + alpha distillation. */
export function distilledLoss(
  base: tf.Scalar,
  student: tf.Tensor2D,
  teacher: tf.Tensor2D,
  distillation: Distillation,
): tf.Scalar {
  const { alpha } = distillation;
  return tf.tidy(() =>
    base
      .mul(1 - alpha)
      .add(distillationLoss(student, teacher, distillation).mul(alpha))
      .asScalar(),
  );
}
