import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { stringify } from 'yaml';
import type { PerClass } from '../../src/eval/per-class.js';

/** Text that would run, break out or be lost if it were not escaped. */
export const HOSTILE = `</script><script>document.title='owned'</script><img src=x onerror="document.title='owned'">&amp;'"\u2028`;

export interface FakeRun {
  epochs?: number;
  /** Added to the accuracies; the other curves follow it. */
  offset?: number;
  config?: Record<string, unknown>;
  perClass?: PerClass;
}

/** A run folder as training leaves it: accuracy rises towards 80 % and falls a little in the last epoch. */
export async function fakeRun(
  path: string,
  { epochs = 12, offset = 0, config, perClass }: FakeRun = {},
): Promise<string> {
  await mkdir(path, { recursive: true });
  const lines = Array.from({ length: epochs }, (_, epoch) => {
    const done = (epoch + 1) / epochs;
    const top1 = offset + 80 * done ** 0.5 - (epoch === epochs - 1 ? 3 : 0);
    return {
      train_lr: (1e-3 + offset * 1e-5) * (0.01 + Math.cos((epoch / epochs) * 1.5)),
      train_loss: 5 - 3 * done - offset / 50,
      test_loss: 4 - 3 * done ** 0.5 - offset / 50,
      test_acc1: top1,
      test_acc5: Math.min(100, top1 + 15),
      test_ema_loss: 4.2 - 3 * done - offset / 50,
      test_ema_acc1: offset + 81 * done,
      test_ema_acc5: Math.min(100, offset + 90 * done),
      epoch,
      n_parameters: 5_000_000,
    };
  });
  await writeFile(join(path, 'log.txt'), lines.map((line) => JSON.stringify(line) + '\n').join(''));
  if (config) await writeFile(join(path, 'config.yaml'), stringify(config));
  if (perClass) await writeFile(join(path, 'per-class.json'), JSON.stringify(perClass));
  return path;
}

/** Results by class: class 3 is the worst, the most confused pair is the first. */
export async function fakePerClass(names: readonly string[]): Promise<PerClass> {
  const thumbnail = async (hue: number) => {
    const background = { r: hue, g: 255 - hue, b: 120 };
    const jpeg = await sharp({ create: { width: 96, height: 64, channels: 3, background } })
      .jpeg()
      .toBuffer();
    return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
  };
  const classes = names.map((name, i) => ({
    name,
    images: 50 + i,
    top1: i === 3 ? 12.5 : 90 - 2 * i,
    top5: 99,
    precision: i === 4 ? null : 80 + i,
  }));
  const example = async (i: number) => ({
    name: `photos/${names[0]}/${i}.jpg`,
    confidence: 90 - i,
    thumbnail: await thumbnail(60 * i),
  });
  return {
    version: 1,
    weights: `best-ema ${HOSTILE}`,
    data: 'photos/val',
    classes,
    confused: [
      { label: 0, predicted: 1, count: 9, examples: await Promise.all([0, 1, 2].map(example)) },
      {
        label: 3,
        predicted: 2,
        count: 4,
        examples: [await example(3), { name: 'lost.jpg', confidence: 51, thumbnail: null }],
      },
    ],
  };
}
