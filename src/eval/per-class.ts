import sharp from 'sharp';
import { z } from 'zod';
import { decodeImage, type Dataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { readTextIfThere, writeFileAtomic } from '../runtime/files.js';
import type { Confusion, Mistake } from './confusion.js';

/** The file of a run folder with the results by class of its best weights. */
export const PER_CLASS = 'per-class.json';

/** What is kept of the most confused pairs: some hundred kilobytes at most. */
const PAIRS = 24;
const EXAMPLES = 3;
/** Longer side of a small picture, pixels. */
const THUMBNAIL = 96;
/** No picture of that size takes more, base64 included. */
const MAX_THUMBNAIL_CHARS = 50_000;

const count = z.int().min(0);
const percent = z.number().min(0).max(100);
const exampleSchema = z.object({
  name: z.string(),
  /** Probability the model gave the wrong class, percent. */
  confidence: percent,
  /** A JPEG as data URI; null: it could not be made. */
  thumbnail: z
    .string()
    .max(MAX_THUMBNAIL_CHARS)
    .regex(/^data:image\/jpeg;base64,[A-Za-z0-9+/]+=*$/)
    .nullable(),
});
const perClassSchema = z.object({
  version: z.literal(1),
  /** What was evaluated, and on what: paths or addresses. */
  weights: z.string(),
  data: z.string(),
  /** By label. Accuracies in percent, null where there is nothing to divide by. */
  classes: z.array(
    z.object({
      name: z.string(),
      images: count,
      top1: percent.nullable(),
      top5: percent.nullable(),
      /** Of the images taken for this class, the share that is of it. */
      precision: percent.nullable(),
    }),
  ),
  /** The pairs with the most mistakes: images of `label` taken for `predicted`. */
  confused: z
    .array(
      z.object({ label: count, predicted: count, count, examples: z.array(exampleSchema).max(EXAMPLES) }),
    )
    .max(PAIRS),
});

/** How each class does, and which are confused. */
export type PerClass = z.output<typeof perClassSchema>;

/**
 * The counts of an evaluation with the names of its classes and small pictures of its mistakes.
 *
 * @param weights what was evaluated, for people
 */
export async function perClassOf(
  confusion: Confusion,
  data: Dataset,
  names: readonly string[] | undefined,
  weights: string,
): Promise<PerClass> {
  const classes = Array.from({ length: data.numClasses }, (_, label) => {
    const { images, correct1, correct5, predicted } = confusion.ofClass(label);
    return {
      name: names?.[label] ?? `class ${label}`,
      images,
      top1: share(correct1, images),
      top5: share(correct5, images),
      precision: share(correct1, predicted),
    };
  });
  const confused = [];
  for (const pair of confusion.mostConfused(PAIRS, EXAMPLES))
    confused.push({
      ...pair,
      examples: await Promise.all(pair.examples.map((mistake) => exampleOf(mistake, data))),
    });
  return { version: 1, weights, data: data.source, classes, confused };
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : (100 * part) / whole;
}

async function exampleOf({ index, confidence }: Mistake, data: Dataset) {
  return {
    name: data.name(index),
    confidence: 100 * confidence,
    thumbnail: await thumbnail(await data.read(index), data.name(index)),
  };
}

/** The picture was decoded a moment ago; it is decoded again rather than kept for every mistake. */
async function thumbnail(bytes: Uint8Array, name: string): Promise<string> {
  const { data, width, height } = await decodeImage(bytes, name);
  const jpeg = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(THUMBNAIL, THUMBNAIL, {
      fit: 'inside',
      kernel: Math.max(width, height) < THUMBNAIL ? 'nearest' : 'lanczos3',
    })
    .jpeg({ quality: 75 })
    .toBuffer();
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
}

export async function writePerClass(path: string, perClass: PerClass): Promise<void> {
  await writeFileAtomic(path, JSON.stringify(perClass) + '\n');
}

/** Reads what `writePerClass` wrote; undefined where there is no file. Throws UserError on anything else. */
export async function readPerClass(path: string): Promise<PerClass | undefined> {
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  try {
    const perClass = perClassSchema.parse(JSON.parse(text));
    const classes = perClass.classes.length;
    if (perClass.confused.some(({ label, predicted }) => label >= classes || predicted >= classes))
      throw new RangeError('a pair names a class that is not there');
    return perClass;
  } catch (error) {
    throw new UserError(
      `${path}: not the results by class that \`recnext eval --per-class\` writes. Remove it, or write it again.`,
      { cause: error },
    );
  }
}
