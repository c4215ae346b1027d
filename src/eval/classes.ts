import { synsetLabel } from '../data/sources/imagenet-synsets.js';
import { UserError } from '../errors.js';
import { IMAGENET_CLASSES } from './imagenet-classes.js';

/**
 * Throws UserError naming the first class that differs when both sides know their classes: a label must mean the same to both.
 * Sides without names are left to their number of classes.
 */
export function requireSameClasses(
  a: readonly string[] | undefined,
  aSource: string,
  b: readonly string[] | undefined,
  bSource: string,
): void {
  if (a === undefined || b === undefined) return;
  // ImageNet's classes go by their synsets in folders and by their words in weights.
  const here = a.map(classKey);
  const there = b.map(classKey);
  if (here.length !== there.length) {
    const [more, fewer] = here.length > there.length ? [here, there] : [there, here];
    const extra = more.find((name) => !fewer.includes(name));
    const whose = more === here ? aSource : bSource;
    throw new UserError(
      `${bSource} has ${b.length} classes, ${aSource} has ${a.length}: they must be the same${extra === undefined ? '' : ` ("${extra}" is only in ${whose})`}.`,
    );
  }
  const i = here.findIndex((name, label) => name !== there[label]);
  if (i === -1) return;
  throw new UserError(
    `${bSource}: class ${i} is "${b[i]}", in ${aSource} it is "${a[i]}": both must have the same classes in the same order.`,
  );
}

/** What a class is found by: ImageNet's by its words, others by their name. */
export function classKey(name: string): string {
  const label = synsetLabel(name);
  return label === undefined ? name : IMAGENET_CLASSES[label]!;
}
