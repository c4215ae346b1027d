import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { UserError } from '../../errors.js';
import type { Dataset } from '../dataset.js';
import { CLASS_NAMES_FILE, parseClassNames } from './class-names.js';
import { readText } from './data-file.js';
import { fileDataset } from './file-dataset.js';
import { byCodePoint, labelsOfNames, parseLabel } from './labels.js';
import { PackedStrings } from './packed-strings.js';
import { picturesOfList, type PictureStore } from './picture-store.js';
import type { SourceContext } from './source-context.js';

const PATH_COLUMNS = ['path', 'file', 'filename', 'file_name', 'filepath', 'image', 'image_path'];
const LABEL_COLUMNS = [
  'label',
  'class',
  'target',
  'category',
  'class_id',
  'label_id',
  'class_name',
  'synset',
];
const SPLIT_COLUMNS = ['split', 'subset', 'set'];

interface Row {
  readonly record: readonly string[];
  readonly line: number;
}

/** A list, and what lies beside it. */
export interface CsvFile {
  /** Its path or address, for messages. */
  readonly name: string;
  readonly text: string;
  /** The text of `classes.txt` beside it, if there is one, and what that one is called. */
  readonly classes: { readonly name: string; readonly text: string | undefined };
  /** Where the pictures of these paths are. */
  store(paths: PackedStrings): Promise<PictureStore>;
}

/** A CSV file on this machine: see {@link csvDataset}. Its pictures may have addresses instead of paths. */
export async function openCsv(file: string, context: SourceContext): Promise<Dataset> {
  const text = await readText(file);
  if (text === undefined) throw new UserError(`${file} does not exist.`);
  const classes = path.join(path.dirname(file), CLASS_NAMES_FILE);
  return csvDataset(
    {
      name: file,
      text,
      classes: { name: classes, text: await readText(classes) },
      store: (paths) => picturesOfList(path.dirname(file), paths, context.remote),
    },
    context,
  );
}

/**
 * A CSV file of pictures and labels: with a header that names them (`path,label`; a `split` column chooses), or without one, path first. A
 * label is a whole number from 0 on, or a name; names come from `classes.txt` beside the file, else in the order of their code points.
 * Paths are relative to the CSV, or addresses (`https://`, `s3://`, `hf://`).
 *
 * @throws UserError naming the line: columns missing, labels of both kinds, a path twice, no such picture
 */
export async function csvDataset(
  { name: file, text, classes: beside, store }: CsvFile,
  context: SourceContext,
): Promise<Dataset> {
  const rows = parseRows(text, file);
  if (rows.length === 0) throw new UserError(`${file} is empty: expected a path and a label a line.`);
  const { pathAt, labelAt, splitAt, data } = columnsOf(rows, file);
  const chosen = data.filter(
    ({ record }) =>
      splitAt === -1 || context.wanted === undefined || isOfSplit(record[splitAt]!, context.wanted),
  );
  if (chosen.length === 0)
    throw new UserError(
      data.length === 0
        ? `${file} has a header and no pictures.`
        : `${file} has no pictures of the ${context.wanted} split.`,
    );
  const paths = uniquePaths(chosen, pathAt, file);
  const known = beside.text === undefined ? undefined : parseClassNames(beside.text, beside.name);
  const texts = chosen.map(({ record, line }) => ({ text: record[labelAt]!.trim(), line }));
  const { labels, classes } = labelsOf(texts, known, file, context);
  const split = splitAt === -1 ? context.split : context.wanted;
  return fileDataset(
    { store: await store(paths), paths, labels, classes, list: file },
    { ...context, split },
  );
}

function parseRows(text: string, file: string): Row[] {
  if (text.includes('\0'))
    throw new UserError(
      `${file} is no CSV: it has zero bytes in it, as texts in UTF-16 have. Save it as UTF-8.`,
    );
  try {
    const rows: unknown = parse(text, {
      info: true,
      skip_empty_lines: true,
      trim: true,
      bom: true,
      relax_column_count: true,
    });
    return (rows as { record: string[]; info: { lines: number } }[]).map(({ record, info }) => ({
      record,
      line: info.lines,
    }));
  } catch (error) {
    throw new UserError(`${file} is no CSV: ${error instanceof Error ? error.message : String(error)}.`, {
      cause: error,
    });
  }
}

function columnsOf(
  rows: readonly Row[],
  file: string,
): { pathAt: number; labelAt: number; splitAt: number; data: readonly Row[] } {
  const header = rows[0]!.record.map((name) => name.toLowerCase());
  const find = (names: readonly string[]): number => header.findIndex((name) => names.includes(name));
  const pathAt = find(PATH_COLUMNS);
  const labelAt = find(LABEL_COLUMNS);
  const short = rows.find(({ record }) => record.length !== header.length);
  if (short !== undefined)
    throw new UserError(
      `${file}: expected ${header.length} fields on line ${short.line} as on the first, found ${short.record.length}.`,
    );
  if (pathAt !== -1 && labelAt !== -1)
    return { pathAt, labelAt, splitAt: find(SPLIT_COLUMNS), data: rows.slice(1) };
  if (header.length !== 2)
    throw new UserError(
      `${file}: expected the columns path and label with a comma between them, found ${header.slice(0, 8).join(', ')}: name them in the first line.`,
    );
  return { pathAt: 0, labelAt: 1, splitAt: -1, data: rows };
}

function isOfSplit(word: string, split: 'train' | 'val'): boolean {
  const lower = word.trim().toLowerCase();
  return split === 'train' ? /^train/.test(lower) : /^(val|test)/.test(lower);
}

function uniquePaths(rows: readonly Row[], pathAt: number, file: string): PackedStrings {
  const lines = new Map<string, number>();
  for (const { record, line } of rows) {
    const name = record[pathAt]!;
    const before = lines.get(name);
    if (name === '') throw new UserError(`${file}: line ${line} has no path.`);
    if (before !== undefined)
      throw new UserError(`${file}: line ${line}: ${name} is there already, on line ${before}.`);
    lines.set(name, line);
  }
  return PackedStrings.of(lines.keys());
}

/** Numbers or names, but all of one kind. */
function labelsOf(
  texts: readonly { readonly text: string; readonly line: number }[],
  known: readonly string[] | undefined,
  file: string,
  context: SourceContext,
): { labels: Int32Array; classes: readonly string[] | undefined } {
  const isNumber = (text: string): boolean => /^-?\d+(\.\d+)?$/.test(text);
  const odd = texts.find(({ text }) => isNumber(text) !== isNumber(texts[0]!.text));
  if (odd !== undefined)
    throw new UserError(
      `${file}: line ${odd.line}: label ${JSON.stringify(odd.text.slice(0, 40))}, expected ${isNumber(odd.text) ? 'a name' : 'a number'} as on line ${texts[0]!.line} ("${texts[0]!.text.slice(0, 40)}").`,
    );
  if (isNumber(texts[0]!.text))
    return {
      labels: Int32Array.from(texts, ({ text, line }) => parseLabel(text, `${file}: line ${line}`)),
      classes: known,
    };
  const words = [...new Set(texts.map(({ text }) => text))].sort(byCodePoint);
  if (known === undefined) {
    const named = labelsOfNames(words, context);
    const labelOf = new Map(words.map((word, i) => [word, named.labels[i]!]));
    return { labels: Int32Array.from(texts, ({ text }) => labelOf.get(text)!), classes: named.classes };
  }
  const labelOf = new Map(known.map((word, label) => [word, label]));
  const labels = Int32Array.from(texts, ({ text, line }) => {
    const label = labelOf.get(text);
    if (label === undefined)
      throw new UserError(`${file}: line ${line}: ${CLASS_NAMES_FILE} has no class "${text.slice(0, 40)}".`);
    return label;
  });
  return { labels, classes: known };
}
