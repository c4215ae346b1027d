import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../src/convert/files.js';
import { histogramOf } from '../../../src/train/tensorboard/histogram.js';
import { colorFolders } from '../../cli/helpers/color-folders.js';
import { runCli } from '../../cli/helpers/run-cli.js';
import { describeBackends } from '../../helpers/backends.js';
import { NO_TENSORBOARD, readEvents, TENSORBOARD_PYTHON } from './helpers.js';

describeBackends(['node'], 'a run that TensorBoard watches', (backend) => {
  let dir: string;
  let data: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-events-'));
    data = await colorFolders(join(dir, 'data'), { train: 4, val: 2 });
  });
  afterAll(() => rm(dir, { recursive: true }));

  const train = async (name: string, ...more: (string | number)[]) => {
    const result = await runCli(
      'train', '--model', 'recnext_m0', '--data', data, '--preset', 'cpu-small', '--input-size', 16, '--batch-size', 6,
      '--epochs', 1, '--warmup-epochs', 0, '-o', join(dir, name), '--backend', backend, '--quiet', ...more,
    ); // prettier-ignore
    expect(result.code, result.stderr).toBe(0);
    return join(dir, name);
  };

  describe.skipIf(TENSORBOARD_PYTHON === undefined)(
    `events${TENSORBOARD_PYTHON === undefined ? ` [skipped: ${NO_TENSORBOARD}]` : ''}`,
    () => {
      it('say what the log and the weights say, and show the pictures', async () => {
        const run = await train('watched', '--tb-histograms', '--tb-images', 3);
        const { scalars, histograms, images } = await readEvents(join(run, 'tensorboard'));
        const line = JSON.parse(await readFile(join(run, 'log.txt'), 'utf8')) as Record<string, number>;
        const f32 = Math.fround;
        expect(scalars['val/loss']).toEqual([[2, f32(line.test_loss!)]]);
        expect(scalars['val/top1']).toEqual([[2, f32(line.test_acc1!)]]);
        expect(scalars['val_ema/top1']).toEqual([[2, f32(line.test_ema_acc1!)]]);
        expect(scalars['train/lr']!.map(([step, lr]) => [step, lr])).toEqual(
          [1, 2].map((step) => [step, f32(line.train_lr!)]),
        );
        const losses = scalars['train/loss']!;
        expect(losses.map(([step]) => step)).toEqual([1, 2]);
        expect((losses[0]![1] + losses[1]![1]) / 2).toBeCloseTo(line.train_loss!, 5);
        for (const [, share] of scalars['train/data_wait']!) {
          expect(share).toBeGreaterThan(0);
          expect(share).toBeLessThan(100);
        }

        const { tensors } = await openCheckpoint(join(run, 'checkpoints/epoch-0001/model.safetensors'));
        const stem = [...tensors].find(([, { data: values }]) => values instanceof Float32Array)!;
        const { min, max, num, bucket } = histogramOf(stem[1].data as Float32Array);
        expect(histograms[stem[0]]).toEqual([
          [2, expect.objectContaining({ min, max, num, bucket }) as object],
        ]);

        const shown = Object.values(images).flat();
        expect(shown).toHaveLength(3);
        expect(shown.every(([, height, width]) => height === 16 && width === 16)).toBe(true);
      });
    },
  );

  it('none with --no-tensorboard, which a resumed run may change; none of a run that is only scored again', async () => {
    const run = await train('unwatched', '--no-tensorboard');
    expect(existsSync(join(run, 'tensorboard'))).toBe(false);
    const again = await runCli('train', '--resume', run, '--tensorboard', '--backend', backend, '--quiet');
    expect(again.code, again.stderr).toBe(0);
    expect(await readdir(run)).not.toContain('tensorboard');
  });
});
