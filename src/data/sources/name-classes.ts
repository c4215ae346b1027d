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
  for (let level = levelOf(lists, 0); ;) {
    if (level === undefined) return undefined;
    const words = [...level];
    const isSplit = splitDepth < 0 && words.length > 1 && words.every((word) => splitOf(word) !== undefined);
    if (isSplit) splitDepth = depth;
    else if (words.length > 1) break;
    const next = levelOf(lists, depth + 1);
    // A folder that everything lies in is a class only if no folders come below it.
    if (next === undefined && !isSplit) break;
    level = next;
    depth++;
  }
  const at = depth;
  return {
    classOf: (path) => folderAt(path, at)!,
    splitOf: splitDepth < 0 ? undefined : (path) => splitOf(folderAt(path, splitDepth)!)!,
  };
}

/** The folders at a depth of all paths; undefined where some path has none there. */
function levelOf(lists: readonly PackedStrings[], depth: number): Set<string> | undefined {
  const folders = new Set<string>();
  for (const list of lists)
    for (let i = 0; i < list.length; i++) {
      const folder = folderAt(list.at(i), depth);
      if (folder === undefined) return undefined;
      folders.add(folder);
    }
  return folders;
}

/** The folder at a depth of a path; undefined where the file comes first. */
function folderAt(path: string, depth: number): string | undefined {
  let start = 0;
  for (let d = 0; d < depth; d++) {
    start = path.indexOf('/', start) + 1;
    if (start === 0) return undefined;
  }
  const end = path.indexOf('/', start);
  return end === -1 ? undefined : path.slice(start, end);
}
