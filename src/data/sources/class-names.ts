import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../../errors.js';
import { readError } from './io-error.js';

/** The file beside shards that names their classes: UTF-8, a line a class, in the order of the labels. */
export const CLASS_NAMES_FILE = 'classes.txt';

/** Names of the classes from `classes.txt` in `folder`; undefined where there is none. */
export async function readClassNames(folder: string): Promise<string[] | undefined> {
  const file = path.join(folder, CLASS_NAMES_FILE);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw readError(file, error);
  }
  const lines = text.trimEnd().split(/\r?\n/);
  const blank = lines.findIndex((line) => line.trim() === '');
  if (blank !== -1)
    throw new UserError(`${file}: line ${blank + 1} is blank; expected a class name on every line.`);
  return lines.map((line) => line.trim());
}
