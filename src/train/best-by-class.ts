import { join } from 'node:path';
import type { Dataset } from '../data/index.js';
import { UserError } from '../errors.js';
import { Confusion } from '../eval/confusion.js';
import { PER_CLASS, perClassOf, writePerClass } from '../eval/per-class.js';
import type { RunProgress } from './progress.js';
import type { RunFolder } from './run-folder.js';
import { isBetter } from './scores.js';

/** What a validation counts by class, of the model's own weights and of their moving average. */
export interface CountsByClass {
  readonly raw: Confusion;
  readonly ema: Confusion;
}

export function countsByClass(classes: number): CountsByClass {
  return { raw: new Confusion(classes), ema: new Confusion(classes) };
}

/**
 * Keeps how each class did in the run folder, for reports, when the epoch gave the best weights so far: of the model or of its average, whichever is
 * better.
 *
 * @param images the validation images
 */
export async function keepBestByClass(
  folder: RunFolder,
  { best: { raw, ema }, epoch }: RunProgress,
  counts: CountsByClass,
  images: Dataset,
  notice: (line: string) => void,
): Promise<void> {
  const kind = ema !== undefined && (raw === undefined || !isBetter(raw, ema)) ? 'ema' : 'raw';
  if ((kind === 'ema' ? ema : raw)?.epoch !== epoch) return;
  const weights = join(folder.path, kind === 'ema' ? 'best-ema' : 'best');
  try {
    const perClass = await perClassOf(counts[kind], images, images.classes, weights);
    await writePerClass(join(folder.path, PER_CLASS), perClass);
  } catch (error) {
    // A picture that cannot be read a second time is no reason to end a run.
    if (!(error instanceof UserError)) throw error;
    notice(`results by class were not written: ${error.message}`);
  }
}
