import path from 'node:path';
import { UserError } from '../../errors.js';
import type { Split } from '../dataset.js';
import { SPLIT_NAMES } from './name-classes.js';

/** Words of a file's name, in lower case: `imagenet-train-000.tar` is of the split `train`. */
export function wordsOf(name: string): readonly string[] {
  return name.toLowerCase().split(/[^a-z]+/);
}

/** Those of `names` that belong to the split. Names without a split's word in them belong to none. */
export function chooseSplit(
  folder: string,
  names: readonly string[],
  split: Split | undefined,
  words: (name: string) => readonly string[] = wordsOf,
): { readonly names: readonly string[]; readonly split: Split | undefined } {
  const having = (word: string): string[] => names.filter((name) => words(name).includes(word));
  const firstOf = (wanted: Split): string[] =>
    SPLIT_NAMES[wanted].map(having).find((matching) => matching.length > 0) ?? [];
  const present = (['train', 'val'] as const).filter((wanted) => firstOf(wanted).length > 0);
  if (present.length === 0) return { names, split: undefined };
  const wanted = split ?? (present.length === 1 ? present[0] : undefined);
  if (wanted === undefined)
    throw new UserError(
      `${folder} has the splits ${present.join(' and ')}: name the one to use (${path.join(folder, names[0]!)}).`,
    );
  const chosen = firstOf(wanted);
  if (chosen.length === 0)
    throw new UserError(
      `${folder} has no ${wanted} split: found ${names.slice(0, 5).join(', ')}; expected ${SPLIT_NAMES[wanted].join(' or ')} in a name.`,
    );
  return { names: chosen, split: wanted };
}
