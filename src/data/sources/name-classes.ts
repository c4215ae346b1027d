import type { Split } from '../dataset.js';
import type { PackedStrings } from './packed-strings.js';

/** What splits are called, by folder or as a part of a shard's name. */
export const SPLIT_NAMES: Readonly<Record<Split, readonly string[]>> = {
  train: ['train', 'training'],
  val: ['val', 'validation', 'valid', 'test'],
};

/** Which split a word stands for. */
export function splitOf(word: string): Split | undefined {
  const lower = word.toLowerCase();
  return (['train', 'val'] as const).find((split) => SPLIT_NAMES[split].includes(lower));
}

/** Folders of paths as classes. */
export interface FolderClasses {
  /** Name of the class of a path. */
  readonly classOf: (path: string) => string;
  /** Split of a path, where the folders above the classes are nothing but splits. */
  readonly splitOf: ((path: string) => Split) | undefined;
}

/**
 * What the folders in the names of pictures mean: those that all names share lie above the classes, then come splits, if there are nothing
 * but such, then the classes. Undefined where names have no folder left that could be a class.
 */
export function folderClasses(lists: readonly PackedStrings[]): FolderClasses | undefined {
  let depth = 0;
  let splitDepth = -1;
  for (;;) {
    const level = levelOf(lists, depth);
    if (level.endsHere) return undefined;
    const words = [...level.folders];
    if (splitDepth < 0 && words.length > 1 && words.every((word) => splitOf(word) !== undefined))
      splitDepth = depth;
    // A folder that everything lies in is a class only if no folders come below it.
    else if (words.length > 1 || levelOf(lists, depth + 1).endsHere) break;
    depth++;
  }
  const at = depth;
  const part = (path: string, index: number): string => path.split('/')[index]!;
  return {
    classOf: (path) => part(path, at),
    splitOf: splitDepth < 0 ? undefined : (path) => splitOf(part(path, splitDepth))!,
  };
}

/** The folders at a depth of all paths; whether some path has none there. Stops looking where that is so. */
function levelOf(
  lists: readonly PackedStrings[],
  depth: number,
): { folders: Set<string>; endsHere: boolean } {
  const folders = new Set<string>();
  for (const list of lists)
    for (const path of list) {
      const parts = path.split('/');
      if (parts.length <= depth + 1) return { folders, endsHere: true };
      folders.add(parts[depth]!);
    }
  return { folders, endsHere: false };
}
