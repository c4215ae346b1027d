import { UserError } from '../../errors.js';
import type { Split } from '../dataset.js';
import { devkitLabel, IMAGENET_SYNSETS, synsetLabel } from './imagenet-synsets.js';
import { parseLabel } from './labels.js';

/** Labels of pictures that lie together without class folders. */
export interface LabelList {
  /** The file they are from, for messages. */
  readonly file: string;
  /** Names of the classes, where the list uses names. */
  readonly classes: readonly string[] | undefined;
  /**
   * Label of a picture.
   * @param name its path as the list may have it: relative to the list or to the pictures, with `/`
   * @param position among the pictures in the order of their names
   * @throws UserError when the list does not have it
   */
  label(name: string, position: number): number;
}

/** The ground truth of ImageNet's validation set, as the development kit of 2012 has it. */
export const GROUND_TRUTH = 'ILSVRC2012_validation_ground_truth.txt';

/** Names a list may have beside pictures of a split, best first. */
export function listNames(split: Split | undefined, folder: string): string[] {
  const own = folder === '' ? [] : [`${folder}.txt`];
  const splits = split === undefined ? [] : [`${split}.txt`];
  return [...new Set(['labels.txt', ...own, ...splits])];
}

/**
 * Reads a list: a path and its label a line (`val/1.JPEG 65`), or a label a line for the pictures in the order of their names. A label is a
 * whole number from 0 on, or a synset of ImageNet.
 *
 * @param file for messages
 * @param pictures how many there are, for lists without paths
 * @throws UserError naming the line: both kinds mixed, a label that is none, a path twice, another number of lines than pictures
 */
export function parseLabelList(text: string, file: string, pictures: number): LabelList {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  while (lines.at(-1) === '') lines.pop();
  if (lines.length === 0) throw new UserError(`${file} is empty: expected a label a line.`);
  const rows = lines.map((line, i): { path: string; label: string; where: string } => {
    const [, path = '', label = ''] = /^(?:(.*?)[\s,]+)?(\S+)$/.exec(line) ?? [];
    const where = `${file}: line ${i + 1}`;
    if (label === '') throw new UserError(`${where} is blank: expected a label on every line.`);
    return { path, label, where };
  });
  const withPath = rows.filter(({ path }) => path !== '').length;
  if (withPath > 0 && withPath < rows.length) {
    const odd = rows.find(({ path }) => (path === '') !== (rows[0]!.path === ''))!;
    throw new UserError(
      `${odd.where}: "${lines[rows.indexOf(odd)]!.slice(0, 40)}", expected ${rows[0]!.path === '' ? 'a label alone' : 'a path and a label'} as on line 1.`,
    );
  }
  const isSynset = synsetLabel(rows[0]!.label) !== undefined;
  const labels = rows.map(({ label, where }) => {
    const value = isSynset ? synsetLabel(label) : parseLabel(label, where);
    if (value === undefined)
      throw new UserError(
        `${where}: expected a synset of ImageNet as on line 1, found "${label.slice(0, 40)}".`,
      );
    return value;
  });
  const classes = isSynset ? IMAGENET_SYNSETS : undefined;
  if (withPath === 0) return byPosition(labels, file, classes, pictures);
  return byPath(rows, labels, file, classes);
}

function byPosition(
  labels: readonly number[],
  file: string,
  classes: readonly string[] | undefined,
  pictures: number,
): LabelList {
  if (labels.length !== pictures)
    throw new UserError(
      `${file} has ${labels.length} lines, a label each, for ${pictures} pictures: expected one a picture, or a path and a label a line.`,
    );
  return { file, classes, label: (_, position) => labels[position]! };
}

function byPath(
  rows: readonly { readonly path: string; readonly where: string }[],
  labels: readonly number[],
  file: string,
  classes: readonly string[] | undefined,
): LabelList {
  const lines = new Map<string, number>();
  rows.forEach(({ path, where }, line) => {
    const name = path.replaceAll('\\', '/').replace(/^(\.\/)+/, '');
    const before = lines.get(name);
    if (before !== undefined)
      throw new UserError(`${where}: ${name} is there already, on line ${before + 1}.`);
    lines.set(name, line);
  });
  return {
    file,
    classes,
    label(name) {
      // Lists are written for a folder above the pictures as often as for their own.
      for (let path = name; ; path = path.slice(path.indexOf('/') + 1)) {
        const line = lines.get(path);
        if (line !== undefined) return labels[line]!;
        if (!path.includes('/')) break;
      }
      throw new UserError(
        `${file} has no label for ${name}: ${lines.size} paths in it, as ${rows[0]!.path}.`,
      );
    },
  };
}

/** Number of a picture of ImageNet's validation set, from 1 on, by its name. */
function validationNumber(name: string): number | undefined {
  const [, number] = /(?:^|\/)ILSVRC2012_val_(\d{8})(?:_n\d{8})?\.jpe?g$/i.exec(name) ?? [];
  return number === undefined ? undefined : Number(number);
}

/**
 * The ground truth of ImageNet's validation set: line k is the challenge's ID, 1 to 1000, of `ILSVRC2012_val_<k>.JPEG`.
 * @throws UserError for anything else in the file, or a picture of another name
 */
export function parseGroundTruth(text: string, file: string): LabelList {
  const labels = text
    .trimEnd()
    .split(/\r?\n/)
    .map((line, i) => {
      const label = /^\d+$/.test(line.trim()) ? devkitLabel(Number(line)) : undefined;
      if (label === undefined)
        throw new UserError(
          `${file}: line ${i + 1}: expected an ID of the challenge from 1 to 1000, found "${line.slice(0, 40)}".`,
        );
      return label;
    });
  return {
    file,
    classes: IMAGENET_SYNSETS,
    label(name) {
      const number = validationNumber(name);
      const label = number === undefined ? undefined : labels[number - 1];
      if (label === undefined)
        throw new UserError(
          `${file} has no label for ${name}: expected pictures called ILSVRC2012_val_00000001.JPEG to ${String(labels.length).padStart(8, '0')}.`,
        );
      return label;
    },
  };
}

/** Synset in the name of a picture of ImageNet: `n01440764_10026.JPEG`, `ILSVRC2012_val_00000001_n01751748.JPEG`. */
export function synsetInName(name: string): string | undefined {
  const file = name.slice(name.lastIndexOf('/') + 1);
  const [, first, last] = /^(?:(n\d{8})_.*|.*_(n\d{8}))\.[a-z]+$/i.exec(file) ?? [];
  return first ?? last;
}

/** Labels by the synsets in the names of the pictures, where the first has one. */
export function labelsInNames(first: string, source: string): LabelList | undefined {
  if (synsetLabel(synsetInName(first) ?? '') === undefined) return undefined;
  return {
    file: source,
    classes: IMAGENET_SYNSETS,
    label(name) {
      const label = synsetLabel(synsetInName(name) ?? '');
      if (label === undefined)
        throw new UserError(`${source}: ${name} has no synset of ImageNet in its name, others have one.`);
      return label;
    },
  };
}
