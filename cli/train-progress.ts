import type { StepInfo } from '../src/train/train.js';
import { duration } from './shared/duration.js';
import type { Output, Progress } from './shared/output.js';

/** What people see of a run: a bar an epoch with loss, learning rate, speed and time left, and a line when it is done. */
export class TrainProgress {
  private bar: Progress | undefined;
  private validation: Progress | undefined;
  private epochs = 0;
  private startedAt = 0;
  private stepsDone = 0;
  private epochStart = 0;
  private epochImages = 0;
  private speed = 0;
  private left = '';

  constructor(private readonly output: Output) {}

  start(epochs: number): void {
    this.epochs = epochs;
    this.startedAt = this.epochStart = performance.now();
  }

  step({ epoch, step, steps, loss, lr, images }: StepInfo): void {
    this.bar ??= this.output.progress(`epoch ${epoch + 1}/${this.epochs}`, steps);
    const now = performance.now();
    this.stepsDone++;
    this.epochImages += images;
    this.speed = (1000 * this.epochImages) / (now - this.epochStart);
    const toDo = (this.epochs - epoch) * steps - step;
    this.left = duration(((now - this.startedAt) / 1000 / this.stepsDone) * toDo);
    this.bar.update(
      step,
      `loss ${loss.toFixed(3)}, lr ${lr.toExponential(2)}, ${this.speed.toFixed(0)} images/s, ${this.left} left`,
    );
  }

  validate(images: number, of: number): void {
    this.bar?.done();
    this.bar = undefined;
    this.validation ??= this.output.progress('validation', of);
    this.validation.update(images);
  }

  epoch(line: Readonly<Record<string, number>>): void {
    this.end();
    const { epoch, train_loss: loss, test_acc1: top1, test_ema_acc1: ema, train_lr: lr } = line;
    const parts = [
      `loss ${loss!.toFixed(3)}`,
      ...(top1 === undefined ? [] : [`top-1 ${top1.toFixed(2)} %`]),
      ...(ema === undefined ? [] : [`moving average ${ema.toFixed(2)} %`]),
      `lr ${lr!.toExponential(2)}`,
      `${this.speed.toFixed(0)} images/s`,
      ...(epoch! + 1 < this.epochs ? [`${this.left} left`] : []),
    ];
    this.output.info(`epoch ${epoch! + 1}/${this.epochs}: ${parts.join(', ')}`);
    this.epochStart = performance.now();
    this.epochImages = 0;
  }

  /** Closes what is open, so that the next line starts on a line of its own. */
  end(): void {
    this.bar?.done();
    this.validation?.done();
    this.bar = this.validation = undefined;
  }
}
