import { describe, expect, it } from 'vitest';
import { IMAGENET_SYNSETS } from '../../src/data/sources/imagenet-synsets.js';
import { requireSameClasses } from '../../src/eval/classes.js';
import { IMAGENET_CLASSES } from '../../src/eval/imagenet-classes.js';

const check = (a: readonly string[] | undefined, b: readonly string[] | undefined) => () =>
  requireSameClasses(a, 'weights', b, 'data');

describe('classes of weights and data', () => {
  it('are the same by name, or by the synsets of ImageNet', () => {
    expect(check(['cat', 'dog'], ['cat', 'dog'])).not.toThrow();
    expect(check(undefined, ['cat'])).not.toThrow();
    expect(check(IMAGENET_CLASSES, IMAGENET_SYNSETS)).not.toThrow();
    expect(check(IMAGENET_SYNSETS, IMAGENET_CLASSES)).not.toThrow();
  });

  it('in another order are told by the first that differs', () => {
    expect(check(['cat', 'dog'], ['dog', 'cat'])).toThrow('data: class 0 is "dog", in weights it is "cat"');
    const swapped = [...IMAGENET_SYNSETS];
    [swapped[3], swapped[4]] = [swapped[4]!, swapped[3]!];
    expect(check(IMAGENET_CLASSES, swapped)).toThrow(
      'data: class 3 is "n01494475", in weights it is "tiger shark, Galeocerdo cuvieri"',
    );
  });

  it('that one side lacks are told by name', () => {
    expect(check(IMAGENET_CLASSES, IMAGENET_SYNSETS.slice(1))).toThrow(
      'data has 999 classes, weights has 1000: they must be the same ("tench, Tinca tinca" is only in weights).',
    );
    expect(check(['cat'], ['cat', 'dog'])).toThrow(
      'data has 2 classes, weights has 1: they must be the same ("dog" is only in data).',
    );
  });
});
