import * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { distilledLoss, type Distillation } from '../../src/train/distillation.js';
import { crossEntropy, smoothedTargets, softTargetCrossEntropy } from '../../src/train/losses.js';
import { describeBackends, leaked } from '../helpers/backends.js';
import { GOLDEN, hasGolden, NO_GOLDEN } from '../helpers/golden.js';

interface Case {
  name: string;
  loss: number;
  grad_logits: number[][];
  grad_logits_kd: number[][] | null;
}

interface Losses {
  logits: number[][];
  logits_kd: number[][];
  teacher_logits: number[][];
  labels: number[];
  soft_targets: number[][];
  cases: Case[];
}

describeBackends(['cpu', 'wasm', 'node'], 'losses', () => {
  it.skipIf(!hasGolden)(
    `equal the reference, with their gradients${hasGolden ? '' : `: ${NO_GOLDEN}`}`,
    () => {
      const golden = JSON.parse(readFileSync(`${GOLDEN}recipe/losses.json`, 'utf8')) as Losses;
      const classes = golden.logits[0]!.length;
      const labels = tf.tensor1d(golden.labels, 'int32');
      const soft = tf.tensor2d(golden.soft_targets);
      const teacher = tf.tensor2d(golden.teacher_logits);

      const lossOf = (name: string): ((head: tf.Tensor2D, dist: tf.Tensor2D) => tf.Scalar) => {
        if (name === 'cross_entropy') return (head) => crossEntropy(head, labels);
        if (name === 'soft_target') return (head) => softTargetCrossEntropy(head, soft);
        const smoothing = /^label_smoothing_(.*)$/.exec(name);
        if (smoothing)
          return (head) =>
            softTargetCrossEntropy(head, smoothedTargets(labels, classes, Number(smoothing[1])));
        const [, type, tau, alpha] = /^distill_(hard|soft)_tau(.*)_alpha(.*)$/.exec(name)!;
        const distillation = { type, tau: Number(tau), alpha: Number(alpha) } as Distillation;
        return (head, dist) => distilledLoss(softTargetCrossEntropy(head, soft), dist, teacher, distillation);
      };

      expect(golden.cases).toHaveLength(10);
      for (const { name, loss, grad_logits, grad_logits_kd } of golden.cases) {
        const compute = lossOf(name);
        const head = tf.tensor2d(golden.logits);
        const dist = tf.tensor2d(golden.logits_kd);
        const { value, grad } = tf.valueAndGrad((x) => compute(x as tf.Tensor2D, dist))(head);
        expect(relative(value.dataSync(), [loss]), `${name}: loss`).toBeLessThan(1e-6);
        expect(relative(grad.dataSync(), grad_logits.flat()), `${name}: gradient`).toBeLessThan(1e-6);
        if (grad_logits_kd === null) continue;
        const gradDist = tf.grad((x) => compute(head, x as tf.Tensor2D))(dist);
        expect(relative(gradDist.dataSync(), grad_logits_kd.flat()), `${name}: dist`).toBeLessThan(1e-6);
      }
    },
  );

  it('leave no tensor behind', async () => {
    const logits = tf.tensor2d([[1, 2, 3]]);
    const labels = tf.tensor1d([1], 'int32');
    const run = () => {
      crossEntropy(logits, labels).dispose();
      const base = tf.scalar(1);
      for (const type of ['hard', 'soft'] as const)
        distilledLoss(base, logits, logits, { type, alpha: 0.5, tau: 2 }).dispose();
      base.dispose();
    };
    run();
    expect(await leaked(run)).toBe(0);
  });
});

/** Largest deviation, relative to the largest magnitude expected. */
function relative(actual: ArrayLike<number>, expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs(actual[i]! - value))) / scale;
}
