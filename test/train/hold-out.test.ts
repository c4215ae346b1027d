import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../src/data/index.js';
import { holdOut, without } from '../../src/train/hold-out.js';

/** A data set of files by class: `{ cat: 3 }` has /photos/cat/0.jpg … 2.jpg. */
function files(counts: Record<string, number>, source = '/photos', separator = '/'): Dataset {
  const samples = Object.entries(counts).flatMap(([name, count], label) =>
    Array.from({ length: count }, (_, i) => ({
      name: [source, name, `${i}.jpg`].join(separator),
      label,
    })),
  );
  return {
    source,
    split: undefined,
    length: samples.length,
    classes: Object.keys(counts),
    numClasses: Object.keys(counts).length,
    label: (index) => samples[index]!.label,
    name: (index) => samples[index]!.name,
    read: (index) => Promise.resolve(new TextEncoder().encode(samples[index]!.name)),
  };
}

const names = (data: Dataset) => Array.from({ length: data.length }, (_, index) => data.name(index));

describe('holdOut', () => {
  it('keeps the share of every class apart, one at least and never all; every sample is in one part', () => {
    const data = files({ cat: 30, dog: 7, owl: 2, yak: 3 });
    const { train, val } = holdOut(data, 0.15);
    const count = (part: Dataset) => {
      const counts = [0, 0, 0, 0];
      for (let index = 0; index < part.length; index++) counts[part.label(index)]!++;
      return counts;
    };
    // 0.15 × 30 = 4.5, × 7 = 1.05, × 2 = 0.3, × 3 = 0.45.
    expect(count(val)).toEqual([5, 1, 1, 1]);
    expect(count(train)).toEqual([25, 6, 1, 2]);
    expect([...names(train), ...names(val)].sort()).toEqual(names(data).sort());
    expect([train.split, val.split]).toEqual(['train', 'val']);
    expect(count(holdOut(data, 0.99).train)).toEqual([1, 1, 1, 1]);
  });

  it('reads the sample it names', async () => {
    const { val } = holdOut(files({ cat: 9, dog: 9 }), 0.3);
    for (let index = 0; index < val.length; index++)
      expect(new TextDecoder().decode(await val.read(index))).toBe(val.name(index));
  });

  it('depends on names below the source alone: not on where it lies, nor on how the system writes paths', () => {
    const below = (data: Dataset) =>
      names(data).map((name) => name.slice(data.source.length).replaceAll('\\', '/'));
    const here = below(holdOut(files({ cat: 40, dog: 40 }), 0.2).val);
    expect(below(holdOut(files({ cat: 40, dog: 40 }, '/elsewhere/photos'), 0.2).val)).toEqual(here);
    expect(below(holdOut(files({ cat: 40, dog: 40 }, 'C:\\photos', '\\'), 0.2).val)).toEqual(here);
    expect(here).not.toEqual(below(holdOut(files({ cat: 40, dog: 40 }), 0.25).val));
  });

  it('a sample that is added moves at most one other', () => {
    for (let size = 10; size < 60; size++) {
      const before = new Set(names(holdOut(files({ cat: size, dog: 10 }), 0.2).val));
      const after = names(holdOut(files({ cat: size + 1, dog: 10 }), 0.2).val);
      expect(after.filter((name) => !before.has(name)).length).toBeLessThanOrEqual(1);
    }
  });

  it('refuses a class of one picture by name', () => {
    expect(() => holdOut(files({ cat: 9, dog: 1 }), 0.2)).toThrow(
      '/photos: class "dog" has one picture, expected two or more',
    );
  });
});

describe('without', () => {
  it('leaves out what is named, in the order that was', () => {
    const data = files({ cat: 3, dog: 2 });
    const rest = without(data, new Set(['/photos/cat/1.jpg', '/photos/dog/0.jpg', '/photos/none']));
    expect(names(rest)).toEqual(['/photos/cat/0.jpg', '/photos/cat/2.jpg', '/photos/dog/1.jpg']);
    expect([0, 1, 2].map((index) => rest.label(index))).toEqual([0, 0, 1]);
  });
});
