import * as tf from '@tensorflow/tfjs';
import { crossEntropy } from './losses.js';

export interface Distillation {
  readonly type: 'hard' | 'soft';
  /** Weight of the distillation loss: loss = (1 - alpha) base + alpha distillation. */
  readonly alpha: number;
  /** Temperature of `soft`. */
  readonly tau: number;
}

/** What a teacher says of a batch: its classes, int32 `[batch]`, or its logits, `[batch, classes]`. */
export type TeacherTensor = tf.Tensor1D | tf.Tensor2D;

/** The class of each row. */
export function classesOf(teacher: TeacherTensor): tf.Tensor1D {
  return teacher.rank === 1 ? (teacher as tf.Tensor1D) : (teacher.argMax(1) as tf.Tensor1D);
}

/**
 * What the distillation head learns from the teacher (DeiT, Touvron et al. 2021, section 4, as the reference computes it):
 * `hard`: cross entropy against the teacher's arg-max; `soft`: tau²/(N K) sum p_t (log p_t - log p_s) at temperature tau,
 * summed over the batch and divided by batch × classes.
 *
 * @param student logits of the distillation head, `[batch, classes]`
 * @param teacher no gradient flows into it; `soft` needs logits
 */
export function distillationLoss(
  student: tf.Tensor2D,
  teacher: TeacherTensor,
  { type, tau }: Pick<Distillation, 'type' | 'tau'>,
): tf.Scalar {
  return tf.tidy(() => {
    if (type === 'hard') return crossEntropy(student, classesOf(teacher));
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
  teacher: TeacherTensor,
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
