import { describe, expect, it } from 'vitest';
import { adapted, probe } from '../../../src/train/teacher/adapt.js';
import type { HostTensor, TeacherModel } from '../../../src/train/teacher/teacher-model.js';
import { refused } from '../../helpers/refused.js';

const SAME = { mean: [0, 0, 0], std: [1, 1, 1] };
const images = { from: SAME, to: SAME, layout: 'nhwc', size: undefined } as const;
const as = { images, classes: undefined, probabilities: false, label: 'the teacher t' };
const SIDE = 2;
const pictures = (count: number): Float32Array =>
  Float32Array.from({ length: count * SIDE * SIDE * 3 }, (_, i) => Math.floor(i / (SIDE * SIDE * 3)) + 1);
const shape = (count: number) => [count, SIDE, SIDE, 3] as const;

/** A model that says of an image its first number, twice that and three times that. */
function fake(
  batch?: number,
  logits = (first: number) => [first, 2 * first, 3 * first],
): TeacherModel & { runs: HostTensor[] } {
  const runs: HostTensor[] = [];
  return {
    runs,
    format: 'a fake',
    input: { layout: 'nhwc', batch, size: undefined },
    normalisation: undefined,
    classNames: undefined,
    fingerprint: '',
    notes: [],
    run(given) {
      runs.push(given);
      const [count] = given.shape as [number];
      const size = given.data.length / count;
      const rows = Array.from({ length: count }, (_, i) => logits(given.data[i * size]!));
      return Promise.resolve({
        data: Float32Array.from(rows.flat()),
        shape: [count, rows[0]!.length, 1, 1],
      });
    },
    dispose() {},
  };
}

describe('a model as a teacher', () => {
  it('of a fixed batch runs as often as it takes, what is missing in the last one left out', async () => {
    const model = fake(2);
    const logits = await adapted(model, as).logits(pictures(5), shape(5));
    expect([...logits]).toEqual([1, 2, 3, 2, 4, 6, 3, 6, 9, 4, 8, 12, 5, 10, 15]);
    expect(model.runs.map((run) => run.shape[0])).toEqual([2, 2, 2]);
    expect(model.runs[2]!.data.at(-1)).toBe(0);
  });

  it('gives the logits of the classes asked for', async () => {
    const teacher = adapted(fake(), { ...as, classes: Int32Array.of(2, 0) });
    expect([...(await teacher.logits(pictures(2), shape(2)))]).toEqual([3, 1, 6, 2]);
  });

  it('that gives probabilities gives their logarithms, of zero too', async () => {
    const model = fake(undefined, () => [0, 0.25, 0.75]);
    expect(await probe(model, images, SIDE, 't')).toEqual({ classes: 3, probabilities: true });
    const [none, some] = await adapted(model, { ...as, probabilities: true }).logits(pictures(1), shape(1));
    expect(some).toBeCloseTo(Math.log(0.25), 6);
    expect(none).toBeLessThan(-60);
    expect(Number.isFinite(none)).toBe(true);
    expect(await probe(fake(), images, SIDE, 't')).toEqual({ classes: 3, probabilities: false });
  });

  it('that gives NaN is told of, but not of images that are NaN themselves', async () => {
    const broken = adapted(
      fake(undefined, () => [NaN, 1, 2]),
      as,
    );
    await refused(broken.logits(pictures(1), shape(1)), /^the teacher t gives NaN or Inf: .*--teacher-norm/);
    const spoilt = pictures(1).fill(NaN, 0, 1);
    expect([...(await adapted(fake(), as).logits(spoilt, shape(1)))]).toEqual([NaN, NaN, NaN]);
  });
});
