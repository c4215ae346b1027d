import { decodeImage, openDataset, type Dataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { holdOut, without } from '../train/hold-out.js';

/** A folder of pictures that was looked through. */
export interface Photos {
  /** Pictures to learn from and, where they are kept apart, to check with. */
  readonly datasets: readonly Dataset[];
  /** Divided into `train` and `val` by whoever made the folder. */
  readonly divided: boolean;
  readonly classes: number;
  /** Pictures that can be used, to learn from and to check with. */
  readonly images: number;
  /** Names of the pictures that cannot be read, and why. */
  readonly unreadable: ReadonlyMap<string, string>;
}

export interface PhotosHooks {
  /** The pictures are about to be looked through. */
  onStart?(images: number): void;
  onProgress?(images: number): void;
  readonly signal?: AbortSignal;
}

/** Pictures read and decoded at the same time. */
const CONCURRENCY = 8;

/**
 * Opens a folder of class folders and decodes every picture once: what cannot be read is found now and not in the middle of a run.
 *
 * @throws UserError where no classifier can be trained on it: one class, pictures a folder too deep, too few of a class
 */
export async function lookThrough(source: string, hooks: PhotosHooks = {}): Promise<Photos> {
  const first = await openDataset(source, { split: 'train' });
  const divided = first.split !== undefined;
  const datasets = divided
    ? [first, await openDataset(source, { split: 'val', numClasses: first.numClasses })]
    : [first];
  datasets.forEach(requireClasses);
  const total = datasets.reduce((sum, { length }) => sum + length, 0);
  hooks.onStart?.(total);
  const unreadable = new Map<string, string>();
  let done = 0;
  for (const data of datasets) {
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let index = next++; index < data.length; index = next++) {
        hooks.signal?.throwIfAborted();
        const problem = await problemOf(data, index);
        if (problem !== undefined) unreadable.set(data.name(index), problem);
        hooks.onProgress?.(++done);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  }
  requirePictures(first, divided ? 1 : 2, unreadable);
  return { datasets, divided, classes: first.numClasses, images: total - unreadable.size, unreadable };
}

async function problemOf(data: Dataset, index: number): Promise<string | undefined> {
  try {
    await decodeImage(await data.read(index), data.name(index));
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/** Folders of one class, or of classes whose pictures lie a folder deeper, are mistaken for what they are not. */
function requireClasses(data: Dataset): void {
  const { source, classes = [], numClasses } = data;
  const folders = new Set<string>();
  let direct = 0;
  for (let index = 0; index < data.length; index++) {
    const parts = partsBelow(data, index);
    if (parts === undefined || parts.length < 3) direct++;
    else folders.add(`${parts[0]}/${parts[1]}`);
  }
  const deeper = direct === 0 && folders.size > numClasses;
  const example = [...folders][0];
  if (deeper && numClasses === 1)
    throw new UserError(
      `${source} holds one folder, "${classes[0]}", with ${folders.size} folders of pictures in it: did you mean ${source}/${classes[0]}?`,
    );
  if (numClasses < 2)
    throw new UserError(
      `${source} has one class ("${classes[0] ?? 0}"): a classifier needs two or more to tell apart. Expected ${source}/<class>/<picture> for each class.`,
    );
  if (deeper)
    throw new UserError(
      `${source}: the pictures lie a folder too deep (${example}/…): expected ${source}/<class>/<picture>. Is ${source}/${classes[0]} the folder you mean? ` +
        `Else move the folders of pictures up.`,
    );
}

/** Folders and file of a sample below the source; undefined where samples are no files in it. */
function partsBelow(data: Dataset, index: number): string[] | undefined {
  const name = data.name(index);
  if (!name.startsWith(data.source)) return undefined;
  return name
    .slice(data.source.length)
    .split(/[\\/]/)
    .filter((part) => part !== '');
}

function requirePictures(data: Dataset, least: number, unreadable: ReadonlyMap<string, string>): void {
  const usable = new Int32Array(data.numClasses);
  const broken = new Int32Array(data.numClasses);
  for (let index = 0; index < data.length; index++)
    (unreadable.has(data.name(index)) ? broken : usable)[data.label(index)]!++;
  const label = usable.findIndex((count) => count < least);
  if (label === -1) return;
  const name = data.classes?.[label] ?? String(label);
  throw new UserError(
    `${data.source}: class "${name}" has ${usable[label]} picture${usable[label] === 1 ? '' : 's'} that can be read` +
      `${broken[label]! > 0 ? ` (${broken[label]} cannot)` : ''}, expected ${least} or more. Add pictures, or take the class away.`,
  );
}

/** How many pictures there are to learn from when `share` of each class is kept apart, where the folder is not divided already. */
export function trainingImages({ datasets, divided, unreadable }: Photos, share: number): number {
  const usable = without(datasets[0]!, new Set(unreadable.keys()));
  return divided ? usable.length : holdOut(usable, share).train.length;
}
