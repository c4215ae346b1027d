import path from 'node:path';
import { z } from 'zod';
import { UserError } from '../../errors.js';
import type { Dataset } from '../dataset.js';
import { readText } from './data-file.js';
import { fileDataset } from './file-dataset.js';
import { StringPacker } from './packed-strings.js';
import { localPictures, type PictureStore } from './picture-store.js';
import type { SourceContext } from './source-context.js';

const id = z.union([z.int(), z.string()]);

/** The part of the competition's format (that of COCO) that says which picture is of what. */
const schema = z.object({
  images: z.array(z.object({ id, file_name: z.string().min(1) })),
  annotations: z.array(z.object({ image_id: id, category_id: z.int() })),
  categories: z.array(z.object({ id: z.int(), name: z.string() })),
});

/** Whether a file is called as the lists of iNaturalist are: `train2018.json`, `val2019.json`. */
export function isINaturalist(file: string): boolean {
  return /^(train|val)(20\d\d)?(_mini)?\.json$/i.test(path.basename(file));
}

/** A list, and where its pictures are. */
export interface INaturalistFile {
  /** Its path or address, for messages. */
  readonly name: string;
  readonly text: string;
  readonly store: PictureStore;
}

/** A list on this machine, its pictures below its folder: see {@link iNaturalistDataset}. */
export async function openINaturalist(file: string, context: SourceContext): Promise<Dataset> {
  const text = await readText(file);
  if (text === undefined) throw new UserError(`${file} does not exist.`);
  return iNaturalistDataset({ name: file, text, store: localPictures(path.dirname(file)) }, context);
}

/**
 * iNaturalist as its competitions of 2018 and 2019 publish it: `train2018.json` with `images`, `annotations` and `categories`, the pictures
 * below the folder of the file (`train_val2018/…`). Labels are the categories in the order of their numbers.
 *
 * @throws UserError naming what is missing: a picture without or with two categories, a category that is not listed
 */
export function iNaturalistDataset(
  { name: file, text, store }: INaturalistFile,
  context: SourceContext,
): Promise<Dataset> {
  const { images, annotations, categories } = parse(text, file);
  const sorted = [...categories].sort((a, b) => a.id - b.id);
  const labelOf = new Map(sorted.map((category, label) => [category.id, label]));
  if (labelOf.size !== sorted.length) throw new UserError(`${file} lists a category twice.`);
  const labels = new Map<string | number, number>();
  for (const { image_id: image, category_id: category } of annotations) {
    const label = labelOf.get(category);
    if (label === undefined)
      throw new UserError(
        `${file}: image ${image} is of category ${category}, which is not among its ${sorted.length} categories.`,
      );
    const before = labels.get(image);
    if (before !== undefined && before !== label)
      throw new UserError(
        `${file}: image ${image} is of two categories, ${sorted[before]!.id} and ${category}.`,
      );
    labels.set(image, label);
  }
  const paths = new StringPacker();
  const seen = new Set<string | number>();
  const values = images.map(({ id: image, file_name: name }) => {
    const label = labels.get(image);
    if (label === undefined) throw new UserError(`${file}: image ${image} (${name}) has no category.`);
    if (seen.has(image)) throw new UserError(`${file} lists image ${image} twice.`);
    seen.add(image);
    paths.push(name);
    return label;
  });
  return fileDataset(
    {
      store,
      paths: paths.finish(),
      labels: Int32Array.from(values),
      classes: uniqueNames(sorted),
      list: file,
    },
    context,
  );
}

function parse(text: string, file: string): z.infer<typeof schema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${file} is not JSON: fetch it again.`, { cause: error });
  }
  const { success, data, error } = schema.safeParse(json);
  if (success) return data;
  const [issue] = error.issues;
  throw new UserError(
    `${file}: ${issue?.path.join('.') || 'the whole'}: ${issue?.message}; expected images (id, file_name), annotations (image_id, category_id) and categories (id, name).`,
  );
}

/** Names as they are where they tell the classes apart; several species may share a common name. */
function uniqueNames(categories: readonly { id: number; name: string }[]): string[] {
  const names = categories.map(({ name }) => name);
  return new Set(names).size === names.length
    ? names
    : categories.map(({ id: number, name }) => `${number} ${name}`);
}
