import type { LoadedBatch } from '../data/index.js';
import { nameList } from './loss-error.js';

/** Below so many images equal labels may be chance. */
const FEW_IMAGES = 8;
/** Share of an epoch's time spent waiting for data from which on it is worth a line. */
const SLOW_DATA = 0.2;
/** Batches whose time says something. */
const TIMED_BATCHES = 10;
/** Percent. */
const LEARNED_SOMETHING = 20;
/** Percent by which a student may be ahead on the images it learns from. */
const AHEAD_OF_TEACHER = 5;

/** Watches a run for what goes wrong in practice, and says each thing once. */
export class RunWatch {
  private readonly said = new Set<string>();
  private batches = 0;
  private waited = 0;
  private computed = 0;

  /** @param now milliseconds, for tests */
  constructor(
    private readonly warn: (line: string) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  private once(kind: string, line: string): void {
    if (this.said.has(kind)) return;
    this.said.add(kind);
    this.warn(line);
  }

  /** The same batches; measures how long they are waited for. The first one, which nothing was prepared for, does not count. */
  async *timed<T>(batches: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    this.batches = this.waited = this.computed = 0;
    let before: number | undefined;
    for await (const batch of batches) {
      const got = this.now();
      if (before !== undefined) this.waited += got - before;
      yield batch;
      before = this.now();
      if (this.batches++ > 0) this.computed += before - got;
    }
    const share = this.waited / (this.waited + this.computed);
    if (this.batches >= TIMED_BATCHES && share > SLOW_DATA)
      this.once(
        'data',
        `${Math.round(100 * share)} % of the epoch went by waiting for images: reading and decoding them is slower than training. ` +
          `Give it more --workers, smaller images, or shards on a faster disk.`,
      );
  }

  /** Looks at the labels of batches that are trained on. */
  labels(batches: readonly LoadedBatch[]): void {
    for (const { labels, names } of batches) {
      if (labels.length < FEW_IMAGES || labels.some((label) => label !== labels[0])) continue;
      this.once(
        'labels',
        `all ${labels.length} images of a batch have the label ${labels[0]!} (${nameList(names)}): is the data sorted by class, or are its labels lost?`,
      );
    }
  }

  /** Looks at a line of log.txt. */
  epoch(line: Readonly<Record<string, number>>): void {
    const { train_acc1: train, train_teacher_acc1: teacher, test_ema_acc1: ema, epoch } = line;
    if (train !== undefined && ema !== undefined && ema > LEARNED_SOMETHING && train < ema / 2)
      this.once(
        'train accuracy',
        `epoch ${epoch!}: top-1 is ${train.toFixed(1)} % in training and ${ema.toFixed(1)} % of the moving average in validation: ` +
          `augmentation, mixing or label noise keep the model from fitting its data. Try less of them, or a longer run.`,
      );
    if (teacher !== undefined && train !== undefined && teacher + AHEAD_OF_TEACHER < train)
      this.once(
        'teacher',
        `epoch ${epoch!}: the teacher gets ${teacher.toFixed(1)} % of the training images right, the student ${train.toFixed(1)} %: ` +
          `is it the right one, does it want other preprocessing or another order of classes? Try without it.`,
      );
  }
}
