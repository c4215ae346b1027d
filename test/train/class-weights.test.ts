import * as tf from '@tensorflow/tfjs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Dataset } from '../../src/data/index.js';
import { loadClassWeights } from '../../src/train/class-weights.js';
import { softTargetCrossEntropy } from '../../src/train/losses.js';
import { batchMaker } from '../../src/train/train-batch.js';

const LABELS = [0, 0, 0, 0, 0, 1, 2, 2];
const data = {
  source: 'pets',
  length: LABELS.length,
  numClasses: 3,
  classes: ['cat', 'dog', 'newt'],
  label: (i: number) => LABELS[i]!,
} as unknown as Dataset;

describe('class weights', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'recnext-weights-'));
  });
  afterEach(() => rm(dir, { recursive: true }));
  const from = async (text: string) => {
    await writeFile(join(dir, 'w.yaml'), text);
    return loadClassWeights(join(dir, 'w.yaml'), data);
  };

  it('balanced: every class counts alike, the mean over the images is 1', async () => {
    const weights = await loadClassWeights('balanced', data);
    const totals = [0, 1, 2].map((label) => weights[label]! * LABELS.filter((l) => l === label).length);
    totals.forEach((total) => expect(total).toBeCloseTo(LABELS.length / 3, 5));
  });

  it('come from a list or by name', async () => {
    expect([...(await from('[1, 2.5, 0]'))]).toEqual([1, 2.5, 0]);
    expect([...(await from('newt: 4'))]).toEqual([1, 1, 4]);
  });

  it.each([
    ['[1, 2]', '2 weights, pets has 3 classes.'],
    ['dgo: 2', 'pets has no class "dgo". Did you mean "dog"?'],
    ['dog: -1', 'the weight of class dog is -1, expected a number of 0 or more.'],
    ['dog: heavy', 'the weight of class dog is "heavy"'],
    ['word', 'expected a list of numbers, or "class: number" lines.'],
    ['a: [', 'cannot be read'],
  ])('refuse %j', async (text, message) => {
    await expect(from(text)).rejects.toThrow(message);
  });

  it('weigh the loss as PyTorch does with probabilities: the mean of -sum(w t log p)', () => {
    const weights = Float32Array.of(1, 2, 0.5);
    const make = batchMaker({ numClasses: 3, mixup: 0, cutmix: 0, smoothing: 0.1, classWeights: weights });
    const labels = [0, 1, 2, 1];
    const { targets } = make(
      {
        images: new Float32Array(12),
        shape: [4, 1, 1, 3],
        labels: Int32Array.from(labels),
        indices: Int32Array.from(labels),
        names: [],
      },
      { seed: 0, epoch: 0, step: 0 },
    );
    const logits = labels.map((_, i) => [0.3 * i, 1 - i, 0.5]);
    const loss = tf.tidy(
      () => softTargetCrossEntropy(tf.tensor2d(logits), tf.tensor2d(targets, [4, 3])).dataSync()[0]!,
    );
    const expected = logits.map((row, i) => {
      const sum = row.reduce((total, value) => total + Math.exp(value), 0);
      return -row.reduce((total, value, k) => {
        const target = 0.1 / 3 + (labels[i] === k ? 0.9 : 0);
        return total + weights[k]! * target * (value - Math.log(sum));
      }, 0);
    });
    expect(loss).toBeCloseTo(expected.reduce((a, b) => a + b) / 4, 5);
  });
});
