import * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import type { ImageModel } from '../../../src/models/image-model.js';
import type { StateDict } from '../../../src/models/state-dict.js';
import { AdamW } from '../../../src/train/adamw.js';
import { ModelEma } from '../../../src/train/ema.js';
import { trainingStep, type StepParts } from '../../../src/train/step.js';
import { GOLDEN } from '../../helpers/golden.js';
import { syntheticInput } from '../../helpers/synthetic.js';

interface Common {
  soft_targets: number[][];
  teacher_logits: number[][];
  alpha: number;
  lr: number;
  weight_decay: number;
  betas: [number, number];
  eps: number;
  clip_factor: number;
}

interface Case {
  image_side: number;
  batch: number;
  loss: 'hard' | 'none';
  input_key: string;
  steps: { loss_float64: number[] };
}

export interface GoldenSteps {
  /** Loss before each of the updates, ours and the reference's. */
  readonly losses: number[];
  readonly expected: number[];
  /** Weights of the moving average (decay 0.99996) at the end. */
  readonly average: StateDict;
}

/**
 * Takes a model, built and loaded as `golden/training/<name>.json` says, through that file's steps: same batch, same targets, teacher's logits given.
 * Changes the model.
 */
export async function runGoldenSteps(model: ImageModel, name: string): Promise<GoldenSteps> {
  const read = (file: string): unknown => JSON.parse(readFileSync(`${GOLDEN}training/${file}.json`, 'utf8'));
  const common = read('common') as Common;
  const golden = read(name) as Case;
  const { batch, image_side: side } = golden;
  const teacherLogits = tf.tensor2d(common.teacher_logits);
  const optimizer = new AdamW(model.parameters, {
    betas: common.betas,
    eps: common.eps,
    weightDecay: common.weight_decay,
  });
  const ema = new ModelEma(model, 0.99996);
  const parts: StepParts = {
    model,
    optimizer,
    ema,
    clip: { mode: 'agc', factor: common.clip_factor },
    ...(golden.loss === 'hard' && {
      teacher: { forward: () => teacherLogits.clone() },
      distillation: { type: 'hard', alpha: common.alpha, tau: 1 },
    }),
  };
  const images = tf.tidy(() =>
    tf
      .tensor4d(syntheticInput(golden.input_key, [batch, 3, side, side]), [batch, 3, side, side])
      .transpose([0, 2, 3, 1]),
  ) as tf.Tensor4D;
  const targets = tf.tensor2d(common.soft_targets);
  const expected = golden.steps.loss_float64;
  const losses: number[] = [];
  for (let step = 0; step < expected.length; step++) {
    const scalars = optimizer.nextScalars(common.lr);
    const loss = trainingStep(parts, { images, targets, context: {} }, scalars);
    losses.push((await loss.data())[0]!);
    tf.dispose([loss, scalars.keep, scalars.rate, scalars.eps]);
  }
  const average = await ema.withAverage(() => Promise.resolve(model.stateDict()));
  tf.dispose([teacherLogits, images, targets]);
  optimizer.dispose();
  ema.dispose();
  return { losses, expected, average };
}
