import { UserError } from '../errors.js';

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
  if (a.length !== b.length)
    throw new UserError(
      `${bSource} has ${b.length} classes, ${aSource} has ${a.length}: they must be the same.`,
    );
  const i = a.findIndex((name, label) => name !== b[label]);
  if (i === -1) return;
  throw new UserError(
    `${bSource}: class ${i} is "${b[i]}", in ${aSource} it is "${a[i]}": both must have the same classes in the same order.`,
  );
}
