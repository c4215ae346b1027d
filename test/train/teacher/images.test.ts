import { describe, expect, it } from 'vitest';
import { resample } from '../../../src/data/resample.js';
import { normalisationTable } from '../../../src/data/transform.js';
import { imagesFor } from '../../../src/train/teacher/images.js';
import { givenNormalisation } from '../../../src/train/teacher/normalisation.js';
import { NORMALISATIONS } from '../../../src/train/teacher/names.js';
import { inputOf } from '../../../src/train/teacher/teacher-model.js';
import { u32 } from '../../helpers/synthetic.js';

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const nothing = { from: IMAGENET, to: IMAGENET, layout: 'nhwc', size: undefined } as const;

/** Every byte in every channel, normalised as the data pipeline does it. */
function everyByte({ mean, std }: typeof IMAGENET): Float32Array {
  const table = normalisationTable(mean, std);
  return Float32Array.from({ length: 768 }, (_, i) => table[(i % 3) * 256 + Math.floor(i / 3)]!);
}

describe("the teacher's images", () => {
  it.each(NORMALISATIONS)("are the student's, undone and normalised %s, to the last bits", (teacherNorm) => {
    const to = givenNormalisation({ teacherNorm }, IMAGENET)!;
    const { data, shape } = imagesFor(everyByte(IMAGENET), [1, 16, 16, 3], { ...nothing, to });
    expect(shape).toEqual([1, 16, 16, 3]);
    const expected = everyByte({ mean: [...to.mean], std: [...to.std] });
    // What the student's float32 has lost cannot come back: an error of half its last bit, of numbers below 4, on the teacher's scale.
    const largest = Math.max(...expected.map(Math.abs));
    const bound = 2 ** -22 * Math.max(1, 0.23 / Math.min(...to.std)) + 2 ** -23 * largest;
    data.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(bound));
  });

  it('undo what mixing and erasing made as well: any number, not bytes alone', () => {
    const images = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i) * 3);
    const { data } = imagesFor(images, [1, 2, 2, 3], {
      ...nothing,
      to: { mean: [0.5, 0.4, 0.3], std: [0.1, 0.2, 0.3] },
    });
    data.forEach((value, i) => {
      const c = i % 3;
      const pixel = images[i]! * IMAGENET.std[c]! + IMAGENET.mean[c]!;
      expect(value).toBeCloseTo((pixel - [0.5, 0.4, 0.3][c]!) / [0.1, 0.2, 0.3][c]!, 5);
    });
  });

  it('are the same array where nothing changes, and the same bits in another layout', () => {
    const images = everyByte(IMAGENET);
    expect(imagesFor(images, [2, 8, 16, 3], nothing).data).toBe(images);
    const { data, shape } = imagesFor(images, [2, 8, 16, 3], { ...nothing, layout: 'nchw' });
    expect(shape).toEqual([2, 3, 8, 16]);
    for (let n = 0; n < 2; n++)
      for (let c = 0; c < 3; c++)
        for (let p = 0; p < 128; p++) expect(data[(n * 3 + c) * 128 + p]).toBe(images[(n * 128 + p) * 3 + c]);
  });

  it.each([
    [32, 48],
    [48, 20],
    [31, 31],
  ])("of %i pixels become %i as by Pillow's bilinear filter, but for its bytes", (from, to) => {
    const bytes = Uint8Array.from({ length: from * from * 3 }, (_, i) => u32(from, i) >>> 24);
    const images = Float32Array.from(bytes);
    const { data, shape } = imagesFor(images, [1, from, from, 3], { ...nothing, size: [to, to] });
    expect(shape).toEqual([1, to, to, 3]);
    const pillow = resample(
      { width: from, height: from, data: bytes },
      { width: to, height: to, interpolation: 'bilinear' },
    );
    // Pillow rounds after each of its two passes.
    data.forEach((value, i) => expect(Math.abs(value - pillow.data[i]!)).toBeLessThan(1.01));
  });

  it('are resized with the weights of a triangle, wider where they become smaller', () => {
    const columns = (values: number[]) => Float32Array.from(values.flatMap((value) => [value, value, value]));
    const across = (values: number[], to: number) => {
      const rows = Array.from({ length: to }, () => values).flat();
      const { data } = imagesFor(columns(rows), [1, to, values.length, 3], { ...nothing, size: [to, to] });
      return Array.from({ length: to }, (_, x) => data[3 * x]!);
    };
    across([0, 1], 4).forEach((value, x) => expect(value).toBeCloseTo([0, 0.25, 0.75, 1][x]!, 6));
    across([1, 0, 0, 0], 2).forEach((value, x) => expect(value).toBeCloseTo([3 / 7, 0][x]!, 6));
    across([0, 0, 1, 0], 2).forEach((value, x) => expect(value).toBeCloseTo([1 / 7, 3 / 7][x]!, 6));
  });

  it("where a file's shape has the channels, the batch and the size", () => {
    expect(inputOf([null, 224, 224, 3])).toEqual({ layout: 'nhwc', batch: undefined, size: [224, 224] });
    expect(inputOf([1, 3, 299, 299])).toEqual({ layout: 'nchw', batch: 1, size: [299, 299] });
    expect(inputOf(['N', 3, 'H', 'W'])).toEqual({ layout: 'nchw', batch: undefined, size: undefined });
    expect(inputOf([-1, -1, -1, 3])).toEqual({ layout: 'nhwc', batch: undefined, size: undefined });
    expect(inputOf([-1, -1, -1, -1])).toEqual({ layout: undefined, batch: undefined, size: undefined });
    expect(inputOf([-1, 1, 28, 28])).toBeUndefined();
    expect(inputOf([-1, 784])).toBeUndefined();
  });
});
