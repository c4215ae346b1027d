import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../../errors.js';
import { IMAGE_EXTENSIONS, type Dataset, type Split } from '../dataset.js';
import { readError } from './io-error.js';

/**
 * `<root>/<class>/…/picture.jpg`: one folder a class, sorted by name as torchvision's ImageFolder sorts them (by code point), so that labels
 * agree. Pictures may lie in folders below; hidden files and files that are no pictures by their ending are passed over.
 *
 * @throws UserError when there is no class folder, or one without a picture in it.
 */
export async function openClassFolders(root: string, split?: Split): Promise<Dataset> {
  const classes = (await listFolder(root)).folders;
  if (classes.length === 0)
    throw new UserError(
      `${root} holds no class folders: expected <class>/<picture> in it, or .tar shards. Check the path.`,
    );
  const files: string[] = [];
  const ends: number[] = [];
  for (const name of classes) {
    const before = files.length;
    await collect(path.join(root, name), files);
    if (files.length === before)
      throw new UserError(
        `class folder ${path.join(root, name)} holds no picture (${[...IMAGE_EXTENSIONS].join(', ')}): fill it or remove it.`,
      );
    ends.push(files.length);
  }
  const labels = new Int32Array(files.length);
  ends.forEach((end, label) => labels.fill(label, ends[label - 1] ?? 0, end));
  return {
    source: root,
    split,
    length: files.length,
    classes,
    numClasses: classes.length,
    label: (index) => labels[index]!,
    name: (index) => files[index]!,
    read: (index) => guarded(files[index]!, () => readFile(files[index]!)),
  };
}

/** Visible entries of a folder, sorted, folders by code point. Symbolic links count as what they point to. */
export async function listFolder(folder: string): Promise<{ folders: string[]; files: string[] }> {
  const folders: string[] = [];
  const files: string[] = [];
  for (const entry of await guarded(folder, () => readdir(folder, { withFileTypes: true }))) {
    if (entry.name.startsWith('.')) continue;
    const target = path.join(folder, entry.name);
    const kind = entry.isSymbolicLink() ? await guarded(target, () => stat(target)) : entry;
    if (kind.isDirectory()) folders.push(entry.name);
    else if (kind.isFile()) files.push(entry.name);
  }
  return { folders: folders.sort(byCodePoint), files: files.sort() };
}

async function guarded<T>(target: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw readError(target, error);
  }
}

async function collect(folder: string, into: string[]): Promise<void> {
  const { folders, files } = await listFolder(folder);
  for (const file of files)
    if (IMAGE_EXTENSIONS.has(path.extname(file).slice(1).toLowerCase())) into.push(path.join(folder, file));
  for (const name of folders) await collect(path.join(folder, name), into);
}

/** The order of UTF-8 bytes is that of code points, which JavaScript's own order (UTF-16) is not. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
