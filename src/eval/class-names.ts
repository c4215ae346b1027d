import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.js';

/** The file beside weights that names their classes: a line a class, in the order of the logits. */
const CLASSES = 'classes.txt';

/**
 * Names of a model's classes: from `file` (a line a class); else `known`, what the weights say; else from the classes.txt of the folder
 * `weights`; else undefined.
 *
 * @throws UserError when the file has another number of names than the model has classes
 */
export async function classNames(
  numClasses: number,
  { file, known, weights }: { file?: string; known?: readonly string[]; weights?: string },
): Promise<readonly string[] | undefined> {
  if (file === undefined && known?.length === numClasses) return known;
  const path = file ?? (await besideWeights(weights));
  if (path === undefined) return undefined;
  const names = await readClassNames(path);
  if (names.length !== numClasses)
    throw new UserError(
      `${path}: ${names.length} class names, expected one for each of the ${numClasses} classes of the model.`,
    );
  return names;
}

/** A file of class names: a line a class, in the order of the logits. */
export async function readClassNames(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UserError(`${path}: cannot read the class names (${(error as Error).message}).`, {
      cause: error,
    });
  });
  const names = text.trimEnd().split(/\r?\n/);
  const empty = names.findIndex((name) => name.trim() === '');
  if (empty >= 0)
    throw new UserError(`${path}: line ${empty + 1} is empty, expected the name of class ${empty}.`);
  return names;
}

async function besideWeights(weights: string | undefined): Promise<string | undefined> {
  if (weights === undefined) return undefined;
  const path = join(weights, CLASSES);
  return (await stat(path).catch(() => undefined))?.isFile() ? path : undefined;
}
