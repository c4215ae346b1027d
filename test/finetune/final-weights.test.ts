import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { standardError, weightsToKeep } from '../../src/finetune/final-weights.js';
import type { TrainResult } from '../../src/train/train.js';

let run: string;
beforeAll(async () => {
  run = await mkdtemp(join(tmpdir(), 'recnext-final-'));
  for (const name of ['best', 'best-ema', 'last']) {
    await mkdir(join(run, name));
    await writeFile(join(run, name, 'model.safetensors'), `${name} model`);
    await writeFile(join(run, name, 'config.json'), '{}');
  }
  await writeFile(join(run, 'last/ema.safetensors'), 'last average');
  await writeFile(
    join(run, 'log.txt'),
    '{"epoch": 0, "test_acc1": 80, "test_loss": 1, "test_ema_acc1": 70, "test_ema_loss": 2}\n',
  );
});
afterAll(() => rm(run, { recursive: true }));

const result = (last: number, images: number, ema = true): TrainResult => {
  const evaluation = { top1: last, top5: 100, k: 5, loss: 1, images, seconds: 1, computeSeconds: 1 };
  return {
    epochs: 1,
    steps: 1,
    stopped: false,
    raw: evaluation,
    ...(ema && { ema: evaluation }),
    best: { raw: { epoch: 0, top1: 80 }, ...(ema && { ema: { epoch: 0, top1: 70 } }) },
    checkpoint: join(run, 'last'),
  };
};

it('keeps the average of the end where the best epoch is no more than a standard error better', async () => {
  // Of 25 pictures the standard error of 80 % is 7.9 points, of 2500 it is 0.8.
  expect(standardError(80, 25)).toBeCloseTo(7.9, 1);
  expect(standardError(80, 2500)).toBeCloseTo(0.8, 1);
  expect(standardError(100, 25)).toBeGreaterThan(4);
  expect(await weightsToKeep(run, result(76, 25))).toBe(join(run, 'final'));
  expect(await readFile(join(run, 'final/model.safetensors'), 'utf8')).toBe('last average');
  expect(await readFile(join(run, 'final/config.json'), 'utf8')).toBe('{}');
});

it('keeps the best epoch where it is clearly better', async () => {
  expect(await weightsToKeep(run, result(76, 2500))).toBe(join(run, 'best'));
  expect(await weightsToKeep(run, result(60, 25))).toBe(join(run, 'best'));
});

it("keeps the model's own weights where there is no average", async () => {
  expect(await weightsToKeep(run, result(80, 25, false))).toBe(join(run, 'final'));
  expect(await readFile(join(run, 'final/model.safetensors'), 'utf8')).toBe('last model');
});
