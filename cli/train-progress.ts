import type { WatchedStep } from '../src/train/watch.js';
import { duration } from './shared/duration.js';
import type { Output, Progress } from './shared/output.js';

/** What people see of a run: a bar an epoch with what is known of it, and a line when it is done. */
export class TrainProgress {
  private bar: Progress | undefined;
  private validation: Progress | undefined;
  private epochs = 0;
  /** Of the steps of this epoch that this process has done. */
  private readonly epoch = new Totals();
  /** Time between the end of an epoch's last step and that of the first step of the next: validation and checkpoint. */
  private betweenEpochs: number | undefined;
  private epochEnd: number | undefined;
  private left = '';

  /** @param now milliseconds, for tests */
  constructor(
    private readonly output: Output,
    private readonly now: () => number = () => performance.now(),
  ) {}

  start(epochs: number): void {
    this.epochs = epochs;
  }

  step(info: WatchedStep): void {
    const { epoch, step, steps, loss, top1, lr } = info;
    if (this.bar === undefined) this.beginEpoch(info);
    const { epoch: totals } = this;
    totals.add(info);
    const secondsOfStep = totals.seconds / totals.steps;
    const epochLeft = secondsOfStep * (steps - step);
    const epochsLeft = this.epochs - epoch - 1;
    const runLeft = epochLeft + epochsLeft * (secondsOfStep * steps + (this.betweenEpochs ?? 0));
    this.left = duration(runLeft);
    this.bar!.update(
      step,
      [
        `loss ${loss.toFixed(3)}`,
        `top-1 ${(100 * top1).toFixed(1)} %`,
        `lr ${lr.toExponential(2)}`,
        `${speed(totals.images / totals.seconds)} images/s`,
        `data wait ${((100 * totals.waited) / totals.seconds).toFixed(0)} %`,
        memory(),
        // The last epoch is the rest of the run.
        ...(epochsLeft > 0
          ? [`epoch ${duration(epochLeft)}`, `run ${this.left} left`]
          : [`${this.left} left`]),
      ].join(', '),
    );
    if (step === steps) this.epochEnd = this.now();
  }

  validate(images: number, of: number): void {
    this.bar?.done();
    this.bar = undefined;
    this.validation ??= this.output.progress('validation', of);
    this.validation.update(images);
  }

  epochDone(line: Readonly<Record<string, number>>): void {
    this.end();
    const { epoch, train_loss: loss, train_acc1: learned, train_lr: lr } = line;
    const { test_acc1: top1, test_ema_acc1: ema } = line;
    const parts = [
      `training loss ${loss!.toFixed(3)}`,
      ...(learned === undefined ? [] : [`training top-1 ${learned.toFixed(1)} %`]),
      ...(top1 === undefined ? [] : [`validation top-1 ${top1.toFixed(2)} %`]),
      ...(ema === undefined ? [] : [`moving average ${ema.toFixed(2)} %`]),
      `lr ${lr!.toExponential(2)}`,
      `${speed(this.epoch.images / this.epoch.seconds)} images/s`,
      ...(epoch! + 1 < this.epochs ? [`${this.left} left`] : []),
    ];
    this.output.info(`epoch ${epoch! + 1}/${this.epochs}: ${parts.join(', ')}`);
  }

  /** Closes what is open, so that the next line starts on a line of its own. */
  end(): void {
    this.bar?.done();
    this.validation?.done();
    this.bar = this.validation = undefined;
  }

  private beginEpoch({ epoch, steps, seconds }: WatchedStep): void {
    this.end();
    this.epoch.clear();
    if (this.epochEnd !== undefined)
      this.betweenEpochs = Math.max(0, (this.now() - this.epochEnd) / 1000 - seconds);
    this.bar = this.output.progress(`epoch ${epoch + 1}/${this.epochs}`, steps);
  }
}

/** Sums over steps. */
class Totals {
  steps = 0;
  images = 0;
  seconds = 0;
  waited = 0;

  add({ images, seconds, waited }: WatchedStep): void {
    this.steps++;
    this.images += images;
    this.seconds += seconds;
    this.waited += waited;
  }

  clear(): void {
    this.steps = this.images = this.seconds = this.waited = 0;
  }
}

/** Three digits are enough to see a change, and one below ten images a second still shows it. */
function speed(imagesPerSecond: number): string {
  return imagesPerSecond.toFixed(imagesPerSecond < 10 ? 1 : 0);
}

/** What this process holds of the machine's memory, native libraries included. */
function memory(): string {
  return `${(process.memoryUsage.rss() / 1e9).toFixed(1)} GB`;
}
