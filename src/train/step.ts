import * as tf from '@tensorflow/tfjs';
import type { ForwardContext, ImageModel } from '../models/image-model.js';
import type { GradientSum } from './accumulate.js';
import { clipGradients, type Clip } from './clip.js';
import { classesOf, distilledLoss, type Distillation, type TeacherTensor } from './distillation.js';
import type { ModelEma } from './ema.js';
import type { LossScale } from './loss-scale.js';
import { softTargetCrossEntropy } from './losses.js';
import type { Optimizer, OptimizerScalars } from './optimizer.js';

/** What one training step is made of. */
export interface StepParts {
  readonly model: ImageModel;
  readonly optimizer: Optimizer;
  /** Parameters that learn, by name. Default: all of the model's. */
  readonly trained?: ReadonlyMap<string, tf.Variable>;
  /** Where an update follows several batches. */
  readonly gradientSum?: GradientSum;
  readonly clip?: Clip;
  /** Where gradients are computed in float16. Whoever runs the step leaves nothing of it but the new scale where `check` is not finite. */
  readonly lossScale?: LossScale;
  readonly ema?: ModelEma;
  /** Whether the distillation head learns from a teacher, and how: each batch then comes with what the teacher says of it. */
  readonly distillation?: Distillation;
}

export interface StepInput {
  /** Normalised, `[batch, height, width, channels]`. */
  readonly images: tf.Tensor4D;
  /** Probabilities `[batch, classes]`; with class weights, times those. */
  readonly targets: tf.Tensor2D;
  /** What the teacher says of these images: their classes, int32 `[batch]`, or logits `[batch, classes]`. */
  readonly teacher?: TeacherTensor;
  readonly context: Pick<ForwardContext, 'freezeBatchNorm' | 'uniform'>;
}

/** What a batch gave, before the update. */
export type StepOutput = {
  readonly loss: tf.Scalar;
  /** Share of the images whose largest logit is that of their largest target. */
  readonly top1: tf.Scalar;
  /** The same of the teacher. */
  readonly teacherTop1?: tf.Scalar;
  /** With a loss scale: finite when every gradient of the update is; and the scale after it. */
  readonly check?: tf.Scalar;
  readonly lossScale?: tf.Scalar;
};

/**
 * One training step: forward, loss, gradients, clipping, optimizer, EMA, written in TF.js operations that read no value back, so that the whole can be
 * traced. Updates the model, the optimizer's moments and the average in place.
 *
 * @param share with a `gradientSum`: 1 / number of batches of this update, this one included
 * @returns scalars that the caller reads and disposes of
 */
export function trainingStep(
  parts: StepParts,
  input: StepInput,
  scalars: OptimizerScalars,
  share?: tf.Scalar,
): StepOutput {
  const { model, optimizer, gradientSum, clip, lossScale, ema } = parts;
  const { output, grads } = lossAndGradients(parts, input);
  const whole = gradientSum && share ? gradientSum.take(grads, share) : grads;
  const check = lossScale?.check(whole);
  const clipped = clip ? clipGradients(whole, model.parameters, model.parameterSpecs, clip) : whole;
  optimizer.update(clipped, scalars);
  ema?.update();
  if (check) lossScale!.update(check);
  for (const tensors of new Set([grads, whole, clipped])) tf.dispose(tensors);
  return check ? { ...output, check, lossScale: lossScale!.current() } : output;
}

/** A batch whose update is still to come: adds its gradients to the sum. The caller disposes of the output. */
export function gradientStep(
  parts: StepParts & { readonly gradientSum: GradientSum },
  input: StepInput,
): StepOutput {
  const { output, grads } = lossAndGradients(parts, input);
  parts.gradientSum.add(grads);
  tf.dispose(grads);
  return output;
}

/** The loss of a batch and its gradients by parameter name. Updates the running statistics of the model. */
export function lossAndGradients(
  { model, distillation, lossScale, trained = model.parameters }: StepParts,
  { images, targets, teacher, context }: StepInput,
): { output: StepOutput; grads: tf.NamedTensorMap } {
  if (distillation && !teacher) throw new Error('The step distils, and the batch does not say what of.');
  const names = [...trained.keys()];
  const variables = [...trained.values()];
  let top1: tf.Scalar | undefined;
  let loss: tf.Scalar | undefined;
  const lossOf = (): tf.Scalar => {
    const { logits, dist } = model.forwardTraining(images, context);
    top1 = tf.keep(accuracy(classesOf(logits), targets));
    const base = softTargetCrossEntropy(logits, targets);
    if (!teacher || !distillation) return base;
    if (dist === undefined) throw new Error(`Model ${model.name} was built without its distillation head.`);
    return distilledLoss(base, dist, teacher, distillation);
  };
  const { value, grads } = tf.variableGrads(() => {
    const own = lossOf();
    if (!lossScale) return own;
    loss = tf.keep(own.clone());
    return lossScale.scaled(own);
  }, variables);
  const teacherTop1 =
    teacher && distillation ? tf.tidy(() => accuracy(classesOf(teacher), targets)) : undefined;
  // TF.js names gradients after its variables, which may bear any name. Parameters the loss does not reach have none.
  const named: tf.NamedTensorMap = {};
  names.forEach((name, i) => {
    const gradient = grads[variables[i]!.name];
    if (gradient) named[name] = gradient;
  });
  const output = { loss: loss ?? value, top1: top1!, ...(teacherTop1 && { teacherTop1 }) };
  if (!lossScale) return { output, grads: named };
  const unscaled = lossScale.unscaled(named);
  tf.dispose([named, value]);
  return { output, grads: unscaled };
}

/** Share of the rows whose class is that of the largest target. */
function accuracy(classes: tf.Tensor1D, targets: tf.Tensor2D): tf.Scalar {
  return tf.tidy(() => classes.equal(targets.argMax(1)).cast('float32').mean().asScalar());
}
