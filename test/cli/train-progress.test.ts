import { expect, it } from 'vitest';
import type { Output } from '../../cli/shared/output.js';
import { TrainProgress } from '../../cli/train-progress.js';

/** What the bars and lines of a run say. */
function recorded() {
  const said: string[] = [];
  const output = {
    progress: (label: string, total: number) => ({
      update: (value: number, note = '') => said.push(`${label} ${value}/${total} ${note}`),
      done: () => said.push(`${label} done`),
    }),
    info: (line: string) => said.push(line),
  } as unknown as Output;
  return { said, output };
}

it('says loss, top-1, learning rate, speed, data wait, memory, and the time left of epoch and run', () => {
  const { said, output } = recorded();
  let now = 0;
  const progress = new TrainProgress(output, () => now);
  progress.start(3);
  const step = (epoch: number, number: number, more = {}) => {
    now += 10_000;
    progress.step({
      epoch,
      step: number,
      steps: 4,
      loss: 1.23456,
      top1: 0.25,
      lr: 5e-4,
      images: 80,
      seconds: 10,
      waited: 1,
      ...more,
    });
  };
  step(0, 1);
  // 3 more steps of this epoch, 2 epochs of 4 steps, 10 seconds each.
  expect(said.at(-1)).toMatch(
    /^epoch 1\/3 1\/4 loss 1\.235, top-1 25\.0 %, lr 5\.00e-4, 8\.0 images\/s, data wait 10 %, \d+\.\d GB, epoch 30s, run 2m left$/,
  );
  step(0, 2, { top1: 0.1234, seconds: 30, waited: 29 });
  expect(said.at(-1)).toMatch(
    /top-1 12\.3 %, lr 5\.00e-4, 4\.0 images\/s, data wait 75 %.*epoch 40s, run 3m left$/,
  );
  step(0, 3);
  step(0, 4);
  progress.validate(5, 10);
  now += 60_000;
  progress.epochDone({
    epoch: 0,
    train_loss: 1.5,
    train_acc1: 75,
    test_acc1: 50,
    test_ema_acc1: 25,
    train_lr: 5e-4,
  });
  expect(said.slice(-4)).toEqual([
    'epoch 1/3 done',
    'validation 5/10 ',
    'validation done',
    'epoch 1/3: training loss 1.500, training top-1 75.0 %, validation top-1 50.00 %, moving average 25.00 %, lr 5.00e-4, 5.3 images/s, 2m left',
  ]);
  // The minute of validation counts for each epoch to come.
  step(1, 1);
  expect(said.at(-1)).toMatch(/^epoch 2\/3 1\/4 .*epoch 30s, run 2m left$/);
  step(2, 1);
  expect(said.at(-1)).toMatch(/^epoch 3\/3|GB, \d+s left$/);
  progress.end();
  expect(said.at(-1)).toMatch(/done$/);
});
