import * as tf from '@tensorflow/tfjs';
import type { ForwardContext, ImageModel } from '../models/image-model.js';
import type { AdamW } from './adamw.js';
import { type AdamWScalars } from './adamw.js';
import { clipGradients, type Clip } from './clip.js';
import { distilledLoss, type Distillation } from './distillation.js';
import type { ModelEma } from './ema.js';
import { softTargetCrossEntropy } from './losses.js';

/** What one training step is made of. */
export interface StepParts {
  readonly model: ImageModel;
  readonly optimizer: AdamW;
  readonly clip?: Clip;
  readonly ema?: ModelEma;
  /** Both or none. The teacher sees the same batch, in evaluation mode. */
  readonly teacher?: Pick<ImageModel, 'forward'>;
  readonly distillation?: Distillation;
}

export interface StepInput {
  /** Normalised, `[batch, height, width, channels]`. */
  readonly images: tf.Tensor4D;
  /** Probabilities `[batch, classes]`. */
  readonly targets: tf.Tensor2D;
  readonly context: Pick<ForwardContext, 'freezeBatchNorm' | 'uniform'>;
}

/**
 * One training step: forward, loss, gradients, clipping, AdamW, EMA, written in TF.js operations that read no value back, so that the whole can be
 * traced. Updates the model, the optimizer's moments and the average in place.
 *
 * @returns the loss before the update; the caller reads and disposes of it
 */
export function trainingStep(parts: StepParts, input: StepInput, scalars: AdamWScalars): tf.Scalar {
  const { model, optimizer, clip, ema } = parts;
  const { value, grads } = lossAndGradients(parts, input);
  const clipped = clip ? clipGradients(grads, model.parameters, model.parameterSpecs, clip) : grads;
  optimizer.update(clipped, scalars);
  ema?.update();
  tf.dispose(grads);
  if (clip) tf.dispose(clipped);
  return value;
}

/** The loss of a batch and its gradients by parameter name. Updates the running statistics of the model. */
export function lossAndGradients(
  { model, teacher, distillation }: StepParts,
  { images, targets, context }: StepInput,
): { value: tf.Scalar; grads: tf.NamedTensorMap } {
  // Outside of the gradient's tape, which would keep every feature map of the teacher.
  const teacherLogits = teacher && distillation ? teacher.forward(images) : undefined;
  const names = [...model.parameters.keys()];
  const variables = [...model.parameters.values()];
  const { value, grads } = tf.variableGrads(() => {
    const { logits, dist } = model.forwardTraining(images, context);
    const base = softTargetCrossEntropy(logits, targets);
    if (!teacherLogits || !distillation) return base;
    if (dist === undefined) throw new Error(`Model ${model.name} was built without its distillation head.`);
    return distilledLoss(base, dist, teacherLogits, distillation);
  }, variables);
  teacherLogits?.dispose();
  // TF.js names gradients after its variables, which may bear any name. Parameters the loss does not reach have none.
  const named: tf.NamedTensorMap = {};
  names.forEach((name, i) => {
    const gradient = grads[variables[i]!.name];
    if (gradient) named[name] = gradient;
  });
  return { value, grads: named };
}
