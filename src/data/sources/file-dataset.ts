import { access, constants, readFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../../errors.js';
import type { Dataset } from '../dataset.js';
import { guarded } from './class-folders.js';
import { checkLabel } from './labels.js';
import type { PackedStrings } from './packed-strings.js';
import type { SourceContext } from './source-context.js';

export interface ListedFiles {
  /** Folder that the paths are relative to. */
  readonly root: string;
  readonly paths: PackedStrings;
  readonly labels: Int32Array;
  /** Names of the classes by label, where they are known. */
  readonly classes: readonly string[] | undefined;
  /** The list, for messages. */
  readonly list: string;
}

/**
 * Pictures in files of their own, with labels from a list.
 * @throws UserError for no pictures, a label without a class, or where already the first picture is not there
 */
export async function fileDataset(
  { root, paths, labels, classes, list }: ListedFiles,
  context: SourceContext,
): Promise<Dataset> {
  if (labels.length === 0) throw new UserError(`${list} lists no pictures.`);
  const limit = classes?.length ?? context.numClasses ?? Infinity;
  let largest = -1;
  labels.forEach((label, i) => {
    if (label < 0 || label >= limit) checkLabel(label, limit, `${list}: ${paths.at(i)}`);
    if (label > largest) largest = label;
  });
  const file = (index: number): string => path.resolve(root, paths.at(index));
  // A list for another folder is found now, and not after an hour.
  await guarded(file(0), () => access(file(0), constants.R_OK)).catch((error: unknown) => {
    const reason = (error as Error).message;
    throw new UserError(`${list}: its first picture: ${reason} Paths are relative to ${root}.`, {
      cause: error,
    });
  });
  return {
    source: context.source,
    split: context.split,
    length: labels.length,
    classes,
    numClasses: classes?.length ?? context.numClasses ?? largest + 1,
    label: (index) => labels[index]!,
    name: file,
    read: (index) => guarded(file(index), () => readFile(file(index))),
  };
}
