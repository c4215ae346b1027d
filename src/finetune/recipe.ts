import type { RunConfigInput } from '../train/config.js';
import type { ConfigLayer } from '../train/load-config.js';

/** Share of the pictures of each class that is kept apart to check with. */
export const HELD_OUT = 0.15;

/** What the recipe is chosen by. */
export interface Subject {
  /** Pictures to learn from. */
  readonly images: number;
  readonly classes: number;
  /** Side of the images the weights were made for. */
  readonly inputSize: number;
}

/** Fewer updates leave a new classifier half made, more than these teach little. */
const UPDATES = 600;
const EPOCHS = { least: 10, most: 40 };
/** A batch norm's statistics of fewer images are worse than those it comes with. */
const SMALL_BATCH = 16;
/**
 * Below so many pictures of a class, mixing and erasing hide more than they teach, and there are so few updates that slowed blocks would stay where they are
 * (bench/finetune.mjs).
 */
const FEW = 100;

/**
 * The options of a fine-tuning run that follow from how much there is to learn from; the others are those of the preset. Steps are counted in
 * updates, not in epochs: with 30 pictures a class an epoch is next to nothing.
 */
export function recipeFor({ images, classes, inputSize }: Subject, given: Given = {}): RunConfigInputPart {
  const batchSize = given.batchSize ?? batchFor(images);
  const steps = Math.max(1, Math.floor(images / batchSize));
  const epochs = given.epochs ?? Math.min(EPOCHS.most, Math.max(EPOCHS.least, Math.ceil(UPDATES / steps)));
  // The schedule scales the rate by batch / 512; what fits AdamW on pretrained weights hardly depends on the batch.
  const rate = (value: number) => (value * 512) / batchSize;
  return {
    valSplit: HELD_OUT,
    inputSize,
    batchSize,
    epochs,
    warmupEpochs: epochs < 3 ? 0 : Math.max(1, Math.round(epochs / 10)),
    lr: rate(1e-3),
    warmupLr: 1e-5,
    minLr: 1e-6,
    modelEmaDecay: decayFor(epochs * steps),
    setBnEval: batchSize < SMALL_BATCH,
    ...(images / classes < FEW && {
      layerDecay: 1,
      scale: [0.35, 1],
      aa: 'none',
      colorJitter: 0.2,
      reprob: 0,
      mixup: 0,
      cutmix: 0,
    }),
  };
}

/** What the user chose: the rest of the recipe follows it. */
export type Given = Pick<RunConfigInputPart, 'batchSize' | 'epochs'>;

type RunConfigInputPart = Partial<RunConfigInput>;

/** The recipe as a layer of options; messages say where they come from. */
export function recipeLayer(subject: Subject, given: Given): ConfigLayer {
  return { values: { ...recipeFor(subject, given) }, nameOf: (key) => `the fine-tuning recipe: ${key}` };
}

/** The largest power of two up to 32 that gives an epoch four steps. */
function batchFor(images: number): number {
  let size = 32;
  while (size > 2 && size * 4 > images) size /= 2;
  return Math.min(size, images);
}

/** An average over a tenth of the run: its end, without its beginning. */
function decayFor(updates: number): number {
  return Number((1 - 1 / Math.max(10, updates / 10)).toFixed(6));
}
