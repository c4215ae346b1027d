import type { Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../../errors.js';
import { IMAGE_EXTENSIONS, type Dataset } from '../dataset.js';
import { readError } from './io-error.js';
import { byCodePoint, labelsOfNames, some } from './labels.js';
import { StringPacker } from './packed-strings.js';
import type { SourceContext } from './source-context.js';

/**
 * `<root>/<class>/…/picture.jpg`: one folder a class, sorted by name as torchvision's ImageFolder sorts them (by code point), so that labels
 * agree; folders called by ImageNet's synsets get ImageNet's labels for a model of 1,000 classes. Pictures may lie in folders below;
 * hidden files and files that are no pictures by their ending are passed over.
 *
 * @throws UserError when there is no class folder, or one without a picture in it.
 */
export async function openClassFolders(root: string, context: SourceContext): Promise<Dataset> {
  const { folders, files: loose } = await listFolder(root);
  if (folders.length === 0)
    throw new UserError(
      `${root} holds no class folders: expected <class>/<picture> in it, or .tar shards. Check the path.`,
    );
  const stray = loose.filter(isPicture);
  if (stray.length > 0)
    context.notice(
      `${root}: ${stray.length} pictures beside the class folders belong to no class and are passed over: ${some(stray)}.`,
    );
  const { classes, labels: labelOf } = labelsOfNames(folders, { ...context, source: root });
  const files = new StringPacker();
  const ends: number[] = [];
  for (const name of folders) {
    const before = files.length;
    await collect(root, name, files);
    if (files.length === before)
      throw new UserError(
        `class folder ${path.join(root, name)} holds no picture (${[...IMAGE_EXTENSIONS].join(', ')}): fill it or remove it.`,
      );
    ends.push(files.length);
  }
  const labels = new Int32Array(files.length);
  ends.forEach((end, i) => labels.fill(labelOf[i]!, ends[i - 1] ?? 0, end));
  const names = files.finish();
  const file = (index: number): string => path.join(root, names.at(index));
  return {
    source: root,
    split: context.split,
    length: labels.length,
    classes,
    numClasses: classes.length,
    label: (index) => labels[index]!,
    name: file,
    read: (index) => guarded(file(index), () => readFile(file(index))),
  };
}

/** Visible entries of a folder, sorted, folders by code point. Symbolic links count as what they point to. */
export async function listFolder(folder: string): Promise<{ folders: string[]; files: string[] }> {
  const folders: string[] = [];
  const files: string[] = [];
  for (const entry of await guarded(folder, () => readdir(folder, { withFileTypes: true }))) {
    if (entry.name.startsWith('.')) continue;
    const target = path.join(folder, entry.name);
    const kind = entry.isSymbolicLink() ? await followed(target) : entry;
    if (kind.isDirectory()) folders.push(entry.name);
    else if (kind.isFile()) files.push(entry.name);
  }
  return { folders: folders.sort(byCodePoint), files: files.sort() };
}

/** What a symbolic link leads to. */
async function followed(link: string): Promise<Stats> {
  try {
    return await stat(link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw readError(link, error);
    // Passed over, it might be a class that is missing, and all labels behind it would be others.
    throw new UserError(`${link} is a symbolic link that leads nowhere: mend or remove it.`, {
      cause: error,
    });
  }
}

/** Whether a file counts as a picture, by its ending. */
export function isPicture(file: string): boolean {
  return IMAGE_EXTENSIONS.has(path.extname(file).slice(1).toLowerCase());
}

/** Runs a file operation; its failure is told in words. */
export async function guarded<T>(target: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw readError(target, error);
  }
}

async function collect(root: string, folder: string, into: StringPacker): Promise<void> {
  const { folders, files } = await listFolder(path.join(root, folder));
  for (const file of files) if (isPicture(file)) into.push(path.join(folder, file));
  for (const name of folders) await collect(root, path.join(folder, name), into);
}
