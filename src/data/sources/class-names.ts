import { UserError } from '../../errors.js';

/** The file beside shards that names their classes: UTF-8, a line a class, in the order of the labels. */
export const CLASS_NAMES_FILE = 'classes.txt';

/**
 * Names of the classes, a line each.
 * @param file for messages
 */
export function parseClassNames(text: string, file: string): string[] {
  const lines = text.trimEnd().split(/\r?\n/);
  const blank = lines.findIndex((line) => line.trim() === '');
  if (blank !== -1)
    throw new UserError(`${file}: line ${blank + 1} is blank; expected a class name on every line.`);
  return lines.map((line) => line.trim());
}
