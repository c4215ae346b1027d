import { describe, expect, it } from 'vitest';
import { histogramOf } from '../../../src/train/tensorboard/histogram.js';
import { frameRecord } from '../../../src/train/tensorboard/record.js';
import { StepMeans } from '../../../src/train/tensorboard/step-means.js';

describe('TFRecord', () => {
  it('frames an empty record as TensorFlow does', () => {
    // Length 0, masked CRC-32C of eight zeros, no bytes, masked CRC-32C of nothing: tf.io.TFRecordWriter writes these.
    expect(Buffer.from(frameRecord(new Uint8Array())).toString('hex')).toBe(
      '000000000000000029039807d8ea82a2',
    );
  });
});

describe('histogramOf', () => {
  it('counts every finite value once, between the limits it belongs to', () => {
    const values = [-3, -0.5, 0, 0, 1e-5, 0.25, 7, NaN, Infinity];
    const { min, max, num, sum, sumSquares, bucketLimit, bucket } = histogramOf(values);
    expect({ min, max, num }).toEqual({ min: -3, max: 7, num: 7 });
    expect(sum).toBeCloseTo(3.75001, 12);
    expect(sumSquares).toBeCloseTo(9 + 0.25 + 1e-10 + 0.0625 + 49, 12);
    expect(bucket.reduce((a, b) => a + b, 0)).toBe(7);
    bucket.forEach((count, i) => {
      const inside = values.filter(
        (value) => value > (bucketLimit[i - 1] ?? -Infinity) && value <= bucketLimit[i]!,
      );
      expect(inside).toHaveLength(count);
    });
    expect(bucketLimit).toEqual([...bucketLimit].sort((a, b) => a - b));
  });

  it('of nothing is empty', () => {
    expect(histogramOf([NaN])).toEqual({
      min: 0,
      max: 0,
      num: 0,
      sum: 0,
      sumSquares: 0,
      bucketLimit: [],
      bucket: [],
    });
  });
});

describe('StepMeans', () => {
  const step = { epoch: 0, lr: 0.5, images: 10, seconds: 2, waited: 0.5 };

  it('gives the means of two steps of a hundred, and what is left at the end of the epoch', () => {
    const means = new StepMeans(101);
    expect(means.add({ ...step, step: 1, steps: 101, loss: 1, top1: 0.5 })).toBeUndefined();
    expect(means.add({ ...step, step: 2, steps: 101, loss: 3, top1: 1 })).toEqual({
      loss: 2,
      top1: 75,
      lr: 0.5,
      images_per_second: 5,
      data_wait: 25,
    });
    expect(means.add({ ...step, step: 101, steps: 101, loss: 7, top1: 0 })).toEqual({
      loss: 7,
      top1: 0,
      lr: 0.5,
      images_per_second: 5,
      data_wait: 25,
    });
  });
});
