import type { Loader, Mixing } from '../../../data/index.js';
import { UserError } from '../../../errors.js';
import { largestOfRows, type Teacher } from '../outputs.js';
import type { EntryFormat } from './entry.js';
import type { TeacherCache } from './teacher-cache.js';

/** Of the spread of an image's logits: what another processor, or float16, may make of them. */
const TOLERANCE = { float32: 1e-3, float16: 2e-3 } as const;

export interface SpotCheckOptions {
  readonly seed: number;
  readonly epochs: number;
  /** Batches to compare. */
  readonly count: number;
}

/**
 * Compares batches of a cache, spread evenly over it, with what the teacher says of the same images now.
 *
 * @returns images compared
 * @throws UserError naming the first image of which it says something else
 */
export async function spotCheck(
  cache: TeacherCache,
  teacher: Teacher,
  loader: Loader,
  mix: Mixing,
  { seed, epochs, count }: SpotCheckOptions,
): Promise<number> {
  const stored: [epoch: number, step: number][] = [];
  for (let epoch = 0; epoch < epochs; epoch++)
    stored.push(...(await cache.stored(epoch)).map((step): [number, number] => [epoch, step]));
  let images = 0;
  const picks = Math.min(count, stored.length);
  for (let i = 0; i < picks; i++) {
    const [epoch, step] = stored[Math.floor(((i + 0.5) * stored.length) / picks)]!;
    const batches = loader.epoch(epoch, step);
    try {
      const next = await batches.next();
      if (next.done) throw new Error(`epoch ${epoch} has no batch ${step}`);
      const { images: pixels, shape, names } = next.value;
      mix(next.value, { seed, epoch, step });
      const logits = await teacher.logits(pixels, shape);
      const kept = await cache.read(epoch, step);
      const wrong = firstDifference(kept!, logits, names.length, cache.format);
      next.value.release?.();
      if (wrong !== undefined)
        throw new UserError(
          `${cache.folder}: epoch ${epoch}, batch ${step}, image ${wrong.row} (${names[wrong.row]!}): expected ${wrong.expected}, as the teacher says, found ${wrong.found}. ` +
            `The cache is of other images or another teacher: remove it and teach it again.`,
        );
      images += names.length;
    } finally {
      await batches.return();
    }
  }
  return images;
}

interface Difference {
  readonly row: number;
  readonly expected: string;
  readonly found: string;
}

function firstDifference(
  kept: Int32Array | Float32Array,
  logits: Float32Array,
  rows: number,
  { classes, topk, type, kind }: EntryFormat,
): Difference | undefined {
  for (let row = 0; row < rows; row++) {
    const own = logits.subarray(row * classes, (row + 1) * classes);
    const [best] = largestOfRows(own, 1) as unknown as [number];
    const spread = own.reduce((max, value) => Math.max(max, value), -Infinity) - Math.min(...own);
    const tolerance = TOLERANCE[kind === 'hard' ? 'float32' : type] * spread;
    if (kind === 'hard') {
      const found = kept[row]!;
      // Of two that are all but equal either may be the larger one elsewhere.
      if (found >= classes || own[best]! - own[found]! > tolerance)
        return { row, expected: `class ${best}`, found: `class ${found}` };
      continue;
    }
    const values = kept.subarray(row * classes, (row + 1) * classes);
    const order = Array.from(values.keys()).sort((a, b) => values[b]! - values[a]!);
    const wrong = order.slice(0, topk).find((k) => !(Math.abs(values[k]! - own[k]!) <= tolerance));
    if (wrong !== undefined)
      return {
        row,
        expected: `logit ${own[wrong]!.toPrecision(6)} of class ${wrong}`,
        found: values[wrong]!.toPrecision(6),
      };
  }
  return undefined;
}
