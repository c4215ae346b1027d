import { UserError } from '../../errors.js';
import { FetchFailedError } from '../../runtime/fetch/transfer-error.js';
import type { Dataset } from '../dataset.js';
import { checkLabel } from './labels.js';
import type { PackedStrings } from './packed-strings.js';
import type { PictureStore } from './picture-store.js';
import type { SourceContext } from './source-context.js';

export interface ListedFiles {
  readonly store: PictureStore;
  readonly paths: PackedStrings;
  readonly labels: Int32Array;
  /** Names of the classes by label, where they are known. */
  readonly classes: readonly string[] | undefined;
  /** The list, for messages. */
  readonly list: string;
}

/**
 * Pictures in files of their own, with labels from a list: here, or on servers.
 * @throws UserError for no pictures, a label without a class, or where already the first picture is not there
 */
export async function fileDataset(
  { store, paths, labels, classes, list }: ListedFiles,
  context: SourceContext,
): Promise<Dataset> {
  if (labels.length === 0) throw new UserError(`${list} lists no pictures.`);
  const limit = classes?.length ?? context.numClasses ?? Infinity;
  let largest = -1;
  labels.forEach((label, i) => {
    if (label < 0 || label >= limit) checkLabel(label, limit, `${list}: ${paths.at(i)}`);
    if (label > largest) largest = label;
  });
  // A list for another folder is found now, and not after an hour.
  await store.check(paths.at(0)).catch((error: unknown) => {
    if (!(error instanceof UserError) || error instanceof FetchFailedError) throw error;
    const relative = store.root === '' ? '' : ` Paths are relative to ${store.root}.`;
    throw new UserError(`${list}: its first picture: ${error.message}${relative}`, { cause: error });
  });
  return {
    source: context.source,
    split: context.split,
    length: labels.length,
    classes,
    numClasses: classes?.length ?? context.numClasses ?? largest + 1,
    label: (index) => labels[index]!,
    name: (index) => store.name(paths.at(index)),
    read: (index) => store.read(paths.at(index)),
  };
}
