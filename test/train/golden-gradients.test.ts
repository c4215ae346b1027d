import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { AdamW } from '../../src/train/adamw.js';
import { lossAndGradients } from '../../src/train/step.js';
import { describeBackends } from '../helpers/backends.js';
import { hasGolden, NO_GOLDEN } from '../helpers/golden.js';
import { nhwc, syntheticRecNext } from '../helpers/models.js';
import { compare, GRADIENT, read, torchTensors, type Case, type Common } from './helpers/golden-case.js';

/** The gradients of every parameter where no native library computes them (node: golden-steps.test.ts). */
describe.skipIf(!hasGolden)(
  `gradients against the reference${hasGolden ? '' : `: skipped, ${NO_GOLDEN}`}`,
  () => {
    describeBackends(['wasm', 'cpu'], 'hard distillation', () => {
      it.each(['m0_dist', 'a0_dist'])(
        '%s',
        (file) => {
          const golden = read<Case>(file);
          const common = read<Common>('common');
          const model = syntheticRecNext(golden.variant, { distillation: true, numClasses: 10 });
          const parts = {
            model,
            optimizer: new AdamW(model.parameters, { betas: common.betas, eps: common.eps, weightDecay: 0 }),
            distillation: { type: 'hard' as const, alpha: common.alpha, tau: 1 },
          };
          const images = nhwc(golden.input_key, [4, 3, golden.image_side, golden.image_side]);
          const teacher = tf.tensor2d(common.teacher_logits);
          const input = { images, targets: tf.tensor2d(common.soft_targets), teacher, context: {} };
          const { output, grads } = lossAndGradients(parts, input);
          const loss = golden.losses.hard_tau1!.float64;
          expect(Math.abs(output.loss.dataSync()[0]! - loss) / loss).toBeLessThan(1e-5);
          const exact = new Set(golden.zero_gradient);
          const entries = Object.fromEntries(
            Object.entries(golden.gradients).filter(([name]) => !exact.has(name)),
          );
          expect(compare(torchTensors(model, grads), entries, GRADIENT)).toMatchObject({
            off: [],
            strays: [],
          });
        },
        300_000,
      );
    });
  },
);
