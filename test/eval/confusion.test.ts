import { describe, expect, it } from 'vitest';
import { Confusion } from '../../src/eval/confusion.js';

/** Logits that make `best` the first of `classes`, by `margin`. */
function row(best: number, classes: number, margin = 1): number[] {
  return Array.from({ length: classes }, (_, i) => (i === best ? margin : 0));
}

describe('Confusion', () => {
  it('counts classes and pairs, keeps the most confident mistakes', () => {
    const confusion = new Confusion(3);
    // Labels 0 0 1 1 1 2, taken for 0 1 2 2 0 2.
    const predictions = [0, 1, 2, 2, 0, 2];
    const labels = Int32Array.from([0, 0, 1, 1, 1, 2]);
    const margins = [1, 1, 1, 5, 1, 1];
    const logits = Float32Array.from(predictions.flatMap((best, i) => row(best, 3, margins[i])));
    confusion.add(logits.subarray(0, 6), labels.subarray(0, 2), Int32Array.of(10, 11));
    confusion.add(logits.subarray(6), labels.subarray(2), Int32Array.of(12, 13, 14, 15));

    expect([0, 1, 2].map((label) => confusion.ofClass(label))).toEqual([
      { images: 2, correct1: 1, correct5: 2, predicted: 2 },
      { images: 3, correct1: 0, correct5: 3, predicted: 1 },
      { images: 1, correct1: 1, correct5: 1, predicted: 3 },
    ]);
    const sure = Math.exp(5) / (Math.exp(5) + 2);
    const unsure = Math.E / (Math.E + 2);
    expect(confusion.mostConfused(9, 9)).toEqual([
      {
        label: 1,
        predicted: 2,
        count: 2,
        examples: [
          { index: 13, confidence: expect.closeTo(sure, 12) as number },
          { index: 12, confidence: expect.closeTo(unsure, 12) as number },
        ],
      },
      {
        label: 0,
        predicted: 1,
        count: 1,
        examples: [{ index: 11, confidence: expect.closeTo(unsure, 12) as number }],
      },
      {
        label: 1,
        predicted: 0,
        count: 1,
        examples: [{ index: 14, confidence: expect.closeTo(unsure, 12) as number }],
      },
    ]);
    expect(confusion.mostConfused(1, 1)).toMatchObject([{ count: 2, examples: [{ index: 13 }] }]);
  });

  it('top-5 is right where there are more than five classes', () => {
    const confusion = new Confusion(7);
    const falling = Float32Array.from([7, 6, 5, 4, 3, 2, 1]);
    confusion.add(falling, Int32Array.of(4), Int32Array.of(0));
    confusion.add(falling, Int32Array.of(5), Int32Array.of(1));
    expect(confusion.ofClass(4).correct5).toBe(1);
    expect(confusion.ofClass(5).correct5).toBe(0);
  });

  it('counts as many mistakes of as many classes as there are', () => {
    const classes = 300;
    const confusion = new Confusion(classes);
    for (let label = 0; label < classes; label++)
      for (let n = 0; n < 10; n++)
        confusion.add(
          Float32Array.from(row((label + 1 + (n % 2)) % classes, classes)),
          Int32Array.of(label),
          Int32Array.of(label * 10 + n),
        );
    const pairs = confusion.mostConfused(Infinity, 3);
    expect(pairs).toHaveLength(2 * classes);
    expect(pairs.every(({ count, examples }) => count === 5 && examples.length === 3)).toBe(true);
    expect(pairs.at(-1)).toMatchObject({
      label: 299,
      predicted: 1,
      examples: [{ index: 2991 }, { index: 2993 }, { index: 2995 }],
    });
  });
});
