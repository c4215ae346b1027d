import { describe, expect, it } from 'vitest';
import type { LoadedBatch } from '../../src/data/index.js';
import { mergeConfig, flagLayer } from '../../src/train/load-config.js';
import { runNotices } from '../../src/train/notices.js';
import { RunWatch } from '../../src/train/warnings.js';

const batch = (labels: number[]): LoadedBatch => ({
  images: new Float32Array(0),
  shape: [labels.length, 1, 1, 3],
  labels: Int32Array.from(labels),
  indices: Int32Array.from(labels.keys()),
  names: labels.map((_, i) => `image-${i}`),
});

function watched() {
  const warnings: string[] = [];
  return { warnings, watch: new RunWatch((line) => warnings.push(line)) };
}

describe('what goes wrong in practice', () => {
  it('a batch of one label is told once, with its samples', () => {
    const { warnings, watch } = watched();
    watch.labels([batch([1, 1, 1, 1, 1, 1, 1, 0])]);
    watch.labels([batch([2, 2, 2])]);
    expect(warnings).toEqual([]);
    for (let i = 0; i < 2; i++) watch.labels([batch(Array<number>(8).fill(3))]);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^all 8 images of a batch have the label 3 \(image-0, image-1, .*sorted by class/,
      ),
    ]);
  });

  it('training far under the average in validation, and a student ahead of its teacher', () => {
    const { warnings, watch } = watched();
    watch.epoch({ epoch: 1, train_acc1: 4, test_ema_acc1: 10 });
    watch.epoch({ epoch: 2, train_acc1: 45, test_ema_acc1: 80, train_teacher_acc1: 41 });
    expect(warnings).toEqual([]);
    watch.epoch({ epoch: 3, train_acc1: 30, test_ema_acc1: 80 });
    watch.epoch({ epoch: 4, train_acc1: 90, test_ema_acc1: 80, train_teacher_acc1: 60 });
    expect(warnings).toEqual([
      expect.stringMatching(/^epoch 3: top-1 is 30\.0 % in training and 80\.0 % of the moving average/),
      expect.stringMatching(
        /^epoch 4: the teacher gets 60\.0 % of the training images right, the student 90\.0 %/,
      ),
    ]);
  });

  it('data slower than compute is told, data that is there in time is not', async () => {
    let clock = 0;
    async function* batches(waitFor: number) {
      for (let i = 0; i < 12; i++) {
        await Promise.resolve();
        clock += waitFor;
        yield i;
      }
    }
    const warnings: string[] = [];
    const watch = new RunWatch(
      (line) => warnings.push(line),
      () => clock,
    );
    for (const [waitFor, compute] of [
      [1, 9],
      [30, 70],
    ] as const)
      for await (const item of watch.timed(batches(waitFor))) clock += item >= 0 ? compute : 0;
    expect(warnings).toEqual([expect.stringMatching(/^30 % of the epoch went by waiting for images/)]);
  });

  it.each([
    [{ epochs: 6, warmupEpochs: 5 }, 'the learning rate 0.001 is never reached'],
    [{ epochs: 7, warmupEpochs: 5 }, undefined],
    [{ epochs: 20, modelEmaDecay: 0.99996 }, 'looks back over about 25000 updates, the run has 200'],
    [{ epochs: 20, modelEmaDecay: 0.9, gradAccumSteps: 2 }, undefined],
    [{ inputSize: 32 }, 'images of 32 pixels with the augmentation and mixing of the ImageNet recipe'],
    [{ inputSize: 32, aa: 'none', reprob: 0, mixup: 0, cutmix: 0 }, undefined],
    [
      { freeze: ['stem'], setBnEval: true },
      '--freeze and --set-bn-eval without --finetune: the weights begin at random',
    ],
    [{ layerDecay: 0.8 }, '--layer-decay without --finetune'],
    [{ freeze: ['stem'], layerDecay: 0.8, finetune: 'weights' }, undefined],
    [{ overfitBatches: 1 }, "validation follows when the batch norms' running statistics have caught up"],
  ])('notices for %j', (options, expected) => {
    const base = { model: 'm', data: 'd', teacherPath: 't', modelEmaDecay: 0.9, compat: 'reference' };
    const notices = runNotices(mergeConfig(flagLayer({ ...base, ...options })), 10);
    if (expected === undefined) expect(notices).toEqual([]);
    else expect(notices).toEqual([expect.stringContaining(expected)]);
  });

  it('says where a run differs from the reference, and does not where it is asked to be the same', () => {
    const options = { model: 'm', data: 'd', teacherPath: 't', modelEmaDecay: 0.9 };
    expect(runNotices(mergeConfig(flagLayer(options)), 10)).toEqual([
      expect.stringContaining(
        "otherwise than in the reference's script (--compat reference for its own ways)",
      ),
    ]);
  });
});
