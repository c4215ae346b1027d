/** Accuracy in percent, loss in nats, over `images` images. */
export interface Metrics {
  readonly images: number;
  readonly top1: number;
  /** Share of images whose class is among the best `k`. */
  readonly top5: number;
  /** 5, or the number of classes where there are fewer. */
  readonly k: number;
  /** Mean cross entropy over images (the reference averages over batches, which weighs a smaller last batch too much). */
  readonly loss: number;
}

/** Collects top-1, top-5 and cross entropy from logits, in double precision on the host. */
export class MetricsSum {
  private images = 0;
  private correct1 = 0;
  private correct5 = 0;
  private loss = 0;
  private readonly k: number;

  constructor(private readonly classes: number) {
    this.k = Math.min(5, classes);
  }

  /** @param logits `[labels.length, classes]`, row-major */
  add(logits: Float32Array, labels: Int32Array): void {
    const { classes, k } = this;
    for (let i = 0; i < labels.length; i++) {
      const row = logits.subarray(i * classes, (i + 1) * classes);
      const label = labels[i]!;
      const rank = rankOf(row, label);
      if (rank < 1) this.correct1++;
      if (rank < k) this.correct5++;
      this.loss += logSumExp(row) - row[label]!;
    }
    this.images += labels.length;
  }

  result(): Metrics {
    const { images, k } = this;
    const percent = (count: number) => (100 * count) / images;
    return {
      images,
      top1: percent(this.correct1),
      top5: percent(this.correct5),
      k,
      loss: this.loss / images,
    };
  }
}

/** How many classes come before `label`: those with a larger logit, and equal ones of a lower index. NaN is never right. */
export function rankOf(row: Float32Array, label: number): number {
  const own = row[label]!;
  let rank = 0;
  for (let j = 0; j < label; j++) if (!(row[j]! < own)) rank++;
  for (let j = label + 1; j < row.length; j++) if (!(row[j]! <= own)) rank++;
  return Number.isNaN(own) ? row.length : rank;
}

function logSumExp(row: Float32Array): number {
  let largest = -Infinity;
  for (const value of row) largest = Math.max(largest, value);
  let sum = 0;
  for (const value of row) sum += Math.exp(value - largest);
  return largest + Math.log(sum);
}
