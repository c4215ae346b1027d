import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Board } from '../../../src/train/tensorboard/board.js';
import { histogramOf } from '../../../src/train/tensorboard/histogram.js';
import { NO_TENSORBOARD, readEvents, TENSORBOARD_PYTHON } from './helpers.js';

const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

let folder: string;
const notices: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recnext-board-'));
  notices.length = 0;
});
afterEach(() => rm(folder, { recursive: true }));

const board = (options: { histograms?: boolean; images?: number; folder?: string } = {}) =>
  new Board({
    folder,
    histograms: false,
    images: 0,
    dataConfig: { mean: MEAN, std: STD },
    notice: (line) => notices.push(line),
    ...options,
  });

/** Steps `from` to `to` of an epoch of ten steps, whose loss is the step's number and an offset. */
function steps(to: Board, from: number, until: number, offset = 0): void {
  for (let step = from; step <= until; step++)
    to.step({ epoch: 0, step, steps: 10, loss: step + offset, top1: step / 8, lr: 0.5, images: 8, seconds: 2, waited: 0.5 }); // prettier-ignore
}

const points = (from: number, to: number, value: (step: number) => number) =>
  Array.from({ length: to - from + 1 }, (_, i) => [from + i, value(from + i)]);

describe.skipIf(TENSORBOARD_PYTHON === undefined)(
  `events as TensorBoard reads them${TENSORBOARD_PYTHON === undefined ? ` [skipped: ${NO_TENSORBOARD}]` : ''}`,
  () => {
    it('scalars of steps and epochs, histograms of weights', async () => {
      const written = board({ histograms: true });
      steps(written, 1, 10);
      const weights = Float32Array.from({ length: 200 }, (_, i) => Math.sin(i) * 10 ** ((i % 9) - 4));
      const line = {
        epoch: 0,
        train_loss: 5.5,
        test_loss: 0.25,
        test_acc1: 75,
        test_acc5: 100,
        test_ema_acc1: 50,
      };
      written.epoch(line, () => new Map([['head.weight', { shape: [200], data: weights }]]));
      await written.close();

      const { scalars, histograms, images } = await readEvents(folder);
      expect(scalars).toEqual({
        'train/loss': points(1, 10, (step) => step),
        'train/top1': points(1, 10, (step) => 12.5 * step),
        'train/lr': points(1, 10, () => 0.5),
        'train/images_per_second': points(1, 10, () => 4),
        'train/data_wait': points(1, 10, () => 25),
        'epoch/train_loss': [[10, 5.5]],
        'val/loss': [[10, 0.25]],
        'val/top1': [[10, 75]],
        'val/top5': [[10, 100]],
        'val_ema/top1': [[10, 50]],
      });
      const { sumSquares, bucketLimit, ...rest } = histogramOf(weights);
      expect(histograms).toEqual({
        'head.weight': [[10, { ...rest, sum_squares: sumSquares, bucket_limit: bucketLimit }]],
      });
      expect(images).toEqual({});
    });

    it('pictures of the first batch, with the normalisation undone', async () => {
      const bytes = Uint8Array.from({ length: 2 * 4 * 6 * 3 }, (_, i) => (i * 37) % 256);
      const normalised = Float32Array.from(bytes, (value, i) => (value / 255 - MEAN[i % 3]!) / STD[i % 3]!);
      const written = board({ images: 5 });
      written.batch({ images: normalised, shape: [2, 4, 6, 3], names: ['a.png', 'b/ü.png'] });
      written.batch({ images: new Float32Array(72), shape: [1, 4, 6, 3], names: ['later.png'] });
      steps(written, 1, 1);
      await written.close();

      const { images } = await readEvents(folder);
      expect(Object.keys(images)).toEqual(['samples/0: a.png', 'samples/1: b/ü.png']);
      for (const [i, [[step, height, width, png]]] of Object.values(images).entries() as unknown as [
        number,
        [[number, number, number, string]],
      ][]) {
        expect([step, height, width]).toEqual([1, 4, 6]);
        const pixels = await sharp(Buffer.from(png, 'base64')).raw().toBuffer();
        expect([...pixels]).toEqual([...bytes.slice(72 * i, 72 * (i + 1))]);
      }
    });

    it('a resumed run goes on from its checkpoint: later steps of the killed one no longer count', async () => {
      const killed = board();
      steps(killed, 1, 8);
      await killed.close();
      const [file] = await readdir(folder);
      const whole = await readFile(join(folder, file!));
      await truncate(join(folder, file!), whole.length - 7);
      const resumed = board();
      steps(resumed, 5, 10, 100);
      await resumed.close();

      const { scalars } = await readEvents(folder);
      expect(scalars['train/loss']).toEqual([
        ...points(1, 4, (step) => step),
        ...points(5, 10, (step) => step + 100),
      ]);
    });
  },
);

it('a folder that cannot be written costs a notice, not the run', async () => {
  await writeFile(join(folder, 'taken'), '');
  const written = board({ folder: join(folder, 'taken') });
  steps(written, 1, 10);
  await written.close();
  expect(notices).toEqual([
    expect.stringMatching(/^TensorBoard: events cannot be written \(.*taken.*\); the run goes on without\.$/),
  ]);
});

it('a run that does no step writes no file', async () => {
  await board().close();
  expect(await readdir(folder)).toEqual([]);
});
