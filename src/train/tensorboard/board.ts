import type { LoadedBatch } from '../../data/index.js';
import type { DataConfig } from '../../models/image-model.js';
import type { StateDict } from '../../models/state-dict.js';
import { EventFile } from './event-file.js';
import type { SummaryValue } from './event-messages.js';
import { histogramOf } from './histogram.js';
import { sampleImage } from './sample-image.js';
import { StepMeans, type WatchedStep } from './step-means.js';

export interface BoardOptions {
  /** Where event files go. */
  readonly folder: string;
  /** Write histograms of all weights after every epoch. */
  readonly histograms: boolean;
  /** Pictures of the first batch to write. */
  readonly images: number;
  /** The images' normalisation, to be undone. */
  readonly dataConfig: Pick<DataConfig, 'mean' | 'std'>;
  /** Told once when events cannot be written; training goes on. */
  readonly notice: (line: string) => void;
}

/** Fields of a line of log.txt, and what TensorBoard calls them. */
const EPOCH_TAGS: Readonly<Record<string, string>> = {
  train_loss: 'epoch/train_loss',
  train_acc1: 'epoch/train_top1',
  train_teacher_acc1: 'epoch/teacher_top1',
  test_loss: 'val/loss',
  test_acc1: 'val/top1',
  test_acc5: 'val/top5',
  test_ema_loss: 'val_ema/loss',
  test_ema_acc1: 'val_ema/top1',
  test_ema_acc5: 'val_ema/top5',
};

/**
 * The events of a run for TensorBoard. Scalars of steps are means over about a fiftieth of an epoch; all values stand at the number of steps done
 * since the start of the run.
 */
export class Board {
  private file: EventFile | undefined;
  private means: StepMeans | undefined;
  private samples: Promise<readonly SummaryValue[]> | undefined;
  private samplesAdded = false;
  private steps = 0;

  constructor(private readonly options: BoardOptions) {}

  /** A batch as the step will get it: of the first one, the pictures that were asked for are kept. */
  batch({ images, shape, names }: Pick<LoadedBatch, 'images' | 'shape' | 'names'>): void {
    if (this.samples !== undefined || this.options.images === 0) return;
    const [size, height, width, channels] = shape;
    const length = height * width * channels;
    const pictures = Array.from({ length: Math.min(this.options.images, size) }, async (_, i) => ({
      tag: `samples/${i}: ${names[i] ?? ''}`,
      image: await sampleImage(
        images.slice(i * length, (i + 1) * length),
        height,
        width,
        this.options.dataConfig,
      ),
    }));
    this.samples = Promise.all(pictures);
    // Whoever awaits it is told; until then it is no unhandled rejection.
    this.samples.catch(() => undefined);
  }

  /** A step was done. */
  step(values: WatchedStep): void {
    const { epoch, step, steps } = values;
    const done = epoch * steps + step;
    const file = this.open(done);
    this.steps = done;
    this.means ??= new StepMeans(steps);
    const means = this.means.add(values);
    if (means !== undefined) file.add(done, scalars(means, 'train/'));
    if (this.samples !== undefined && !this.samplesAdded) void this.addSamples(file, done, this.samples);
  }

  /** An epoch was validated: its line of log.txt, and the model's weights where histograms are wanted. */
  epoch(line: Readonly<Record<string, number>>, weights: () => StateDict): void {
    const file = this.open(this.steps);
    const values = Object.entries(EPOCH_TAGS).flatMap(([field, tag]) =>
      line[field] === undefined ? [] : [{ tag, simpleValue: line[field] }],
    );
    file.add(this.steps, values);
    if (!this.options.histograms) return;
    for (const [name, { data }] of weights())
      if (data instanceof Float32Array) file.add(this.steps, [{ tag: name, histo: histogramOf(data) }]);
  }

  /** Everything is in the file. */
  async close(): Promise<void> {
    await this.samples?.catch(() => undefined);
    await this.file?.flush();
  }

  private async addSamples(
    file: EventFile,
    step: number,
    samples: Promise<readonly SummaryValue[]>,
  ): Promise<void> {
    this.samplesAdded = true;
    try {
      for (const value of await samples) file.add(step, [value]);
    } catch (error) {
      this.options.notice(`TensorBoard: no sample images (${(error as Error).message}).`);
    }
  }

  /** A run that has nothing to say writes no file. */
  private open(firstStep: number): EventFile {
    const { folder, notice } = this.options;
    return (this.file ??= new EventFile(folder, firstStep, ({ message }) =>
      notice(`TensorBoard: events cannot be written (${message}); the run goes on without.`),
    ));
  }
}

function scalars(values: Readonly<Record<string, number>>, prefix: string): SummaryValue[] {
  return Object.entries(values).map(([tag, simpleValue]) => ({ tag: prefix + tag, simpleValue }));
}
