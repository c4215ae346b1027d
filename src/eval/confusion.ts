import { rankOf } from './metrics.js';

/** A class among so many best ones counts for top-5. */
const TOP = 5;

/** A wrong image. */
export interface Mistake {
  /** Number of the sample in the data set. */
  readonly index: number;
  /** Probability the model gave the wrong class, 0 to 1. */
  readonly confidence: number;
}

/** Images of one class taken for another. */
export interface ConfusedPair {
  readonly label: number;
  readonly predicted: number;
  readonly count: number;
  /** The most confident mistakes first. */
  readonly examples: readonly Mistake[];
}

/** How the images of one class did. */
export interface ClassCounts {
  readonly images: number;
  readonly correct1: number;
  /** Images whose class is among the best five. */
  readonly correct5: number;
  /** Images of any class taken for this one. */
  readonly predicted: number;
}

/**
 * Counts per class, and mistakes. Keeps 20 bytes a mistake and 16 a class, and no matrix: a thousand classes or twenty thousand make no
 * difference.
 */
export class Confusion {
  private readonly images: Int32Array;
  private readonly correct1: Int32Array;
  private readonly correct5: Int32Array;
  private readonly predicted: Int32Array;
  private mistakes = 0;
  private indices = new Int32Array(1024);
  private confidences = new Float64Array(1024);
  /** label × classes + predicted. */
  private pairs = new Float64Array(1024);

  constructor(private readonly classes: number) {
    this.images = new Int32Array(classes);
    this.correct1 = new Int32Array(classes);
    this.correct5 = new Int32Array(classes);
    this.predicted = new Int32Array(classes);
  }

  /**
   * @param logits `[labels.length, classes]`, row-major
   * @param indices numbers of the samples in the data set
   */
  add(logits: Float32Array, labels: Int32Array, indices: Int32Array): void {
    const { classes } = this;
    for (let i = 0; i < labels.length; i++) {
      const row = logits.subarray(i * classes, (i + 1) * classes);
      const label = labels[i]!;
      const best = argMax(row);
      const rank = rankOf(row, label);
      this.images[label]!++;
      this.predicted[best]!++;
      if (rank < 1) this.correct1[label]!++;
      else this.addMistake(indices[i]!, label * classes + best, probability(row, best));
      if (rank < TOP) this.correct5[label]!++;
    }
  }

  ofClass(label: number): ClassCounts {
    return {
      images: this.images[label]!,
      correct1: this.correct1[label]!,
      correct5: this.correct5[label]!,
      predicted: this.predicted[label]!,
    };
  }

  /** The pairs with the most mistakes, at most `limit`, each with at most `examples` of them; of equal ones the lower classes first. */
  mostConfused(limit: number, examples: number): ConfusedPair[] {
    const counts = new Map<number, number>();
    for (let i = 0; i < this.mistakes; i++) counts.set(this.pairs[i]!, (counts.get(this.pairs[i]!) ?? 0) + 1);
    const worst = [...counts].sort(([a, m], [b, n]) => n - m || a - b).slice(0, limit);
    const found = new Map<number, Mistake[]>(worst.map(([pair]) => [pair, []]));
    for (let i = 0; i < this.mistakes; i++)
      found.get(this.pairs[i]!)?.push({ index: this.indices[i]!, confidence: this.confidences[i]! });
    return worst.map(([pair, count]) => ({
      label: Math.floor(pair / this.classes),
      predicted: pair % this.classes,
      count,
      examples: found
        .get(pair)!
        .sort((a, b) => b.confidence - a.confidence || a.index - b.index)
        .slice(0, examples),
    }));
  }

  private addMistake(index: number, pair: number, confidence: number): void {
    if (this.mistakes === this.indices.length) {
      this.indices = grown(this.indices, Int32Array);
      this.confidences = grown(this.confidences, Float64Array);
      this.pairs = grown(this.pairs, Float64Array);
    }
    this.indices[this.mistakes] = index;
    this.pairs[this.mistakes] = pair;
    this.confidences[this.mistakes++] = confidence;
  }
}

function grown<T extends Int32Array | Float64Array>(array: T, type: new (length: number) => T): T {
  const result = new type(array.length * 2);
  result.set(array);
  return result;
}

/** Of equal ones the first, as top-1 counts. */
function argMax(row: Float32Array): number {
  let best = 0;
  for (let j = 1; j < row.length; j++) if (row[j]! > row[best]!) best = j;
  return best;
}

/** Probability of class `of` by softmax. */
function probability(row: Float32Array, of: number): number {
  let sum = 0;
  for (const value of row) sum += Math.exp(value - row[of]!);
  return 1 / sum;
}
