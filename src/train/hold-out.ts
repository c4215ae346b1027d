import { createHash } from 'node:crypto';
import type { Dataset, Split } from '../data/index.js';
import { UserError } from '../errors.js';

/** Some samples of a data set, in its order. */
export function subset(data: Dataset, indices: readonly number[], split = data.split): Dataset {
  const original = Int32Array.from(indices);
  return {
    source: data.source,
    split,
    length: original.length,
    classes: data.classes,
    numClasses: data.numClasses,
    label: (index) => data.label(original[index]!),
    name: (index) => data.name(original[index]!),
    read: (index) => data.read(original[index]!),
  };
}

/** The data set without the samples of these names. */
export function without(data: Dataset, names: ReadonlySet<string>): Dataset {
  if (names.size === 0) return data;
  const kept = Array.from({ length: data.length }, (_, index) => index).filter(
    (index) => !names.has(data.name(index)),
  );
  return subset(data, kept);
}

/**
 * Divides a data set without splits: of each class the share nearest to `share` is kept apart, at least one sample and never all. Which ones is
 * decided by the hash of a sample's name below the source: the same on every machine and in every run, wherever the folder lies, and a sample that
 * is added moves at most one other.
 *
 * @throws UserError naming a class of fewer than two samples
 */
export function holdOut(data: Dataset, share: number): Record<Split, Dataset> {
  const byClass = Array.from({ length: data.numClasses }, (): number[] => []);
  for (let index = 0; index < data.length; index++) byClass[data.label(index)]!.push(index);
  const train: number[] = [];
  const val: number[] = [];
  byClass.forEach((indices, label) => {
    if (indices.length < 2)
      throw new UserError(
        `${data.source}: class "${data.classes?.[label] ?? label}" has ${indices.length === 1 ? 'one picture' : 'no picture'}, ` +
          `expected two or more: one to learn from and one to check with. Add pictures, or take the class away.`,
      );
    const count = Math.min(indices.length - 1, Math.max(1, Math.round(share * indices.length)));
    const ordered = indices
      .map((index) => ({ index, hash: hashOf(data, index) }))
      .sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : a.index - b.index))
      .map(({ index }) => index);
    val.push(...ordered.slice(0, count));
    train.push(...ordered.slice(count));
  });
  const ascending = (a: number, b: number) => a - b;
  return {
    train: subset(data, train.sort(ascending), 'train'),
    val: subset(data, val.sort(ascending), 'val'),
  };
}

function hashOf(data: Dataset, index: number): string {
  const name = data.name(index);
  const below = name.startsWith(data.source) ? name.slice(data.source.length) : name;
  // Windows writes the same path otherwise.
  return createHash('sha256').update(below.replaceAll('\\', '/').replace(/^\/+/, '')).digest('hex');
}
