import path from 'node:path';
import type { Dataset } from '../dataset.js';
import { isPicture, listFolder } from './class-folders.js';
import { CLASS_NAMES_FILE, parseClassNames } from './class-names.js';
import { readText } from './data-file.js';
import { fileDataset } from './file-dataset.js';
import { findLabels, type LabelPlace } from './find-labels.js';
import { PackedStrings } from './packed-strings.js';
import { localPictures } from './picture-store.js';
import type { SourceContext } from './source-context.js';

/**
 * Pictures in one folder without class folders; their labels are in a list in the folder or beside it, in ImageNet's development kit, or
 * in their names (see {@link findLabels}). Pictures are taken in the order of their names.
 *
 * @throws UserError when there are no labels, or not for every picture
 */
export async function openFlatFolder(root: string, context: SourceContext): Promise<Dataset> {
  const names = (await listFolder(root)).files.filter(isPicture);
  const parent = path.dirname(path.resolve(root));
  const places = [root, parent].map(placeOf);
  const list = await findLabels(context, places, path.basename(path.resolve(root)), names[0]!, names.length);
  const labels = Int32Array.from(names, (name, position) =>
    list.label(`${path.basename(path.resolve(root))}/${name}`, position),
  );
  const classesFile = path.join(root, CLASS_NAMES_FILE);
  const text = list.classes ? undefined : await readText(classesFile);
  const classes = list.classes ?? (text === undefined ? undefined : parseClassNames(text, classesFile));
  return fileDataset(
    { store: localPictures(root), paths: PackedStrings.of(names), labels, classes, list: list.file },
    context,
  );
}

function placeOf(folder: string): LabelPlace {
  return {
    name: folder,
    text: (name) => readText(path.join(folder, name)),
    local: (name) => path.join(folder, name),
  };
}
