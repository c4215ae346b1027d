import type { StepInfo } from '../train.js';

/** A step, and where its time went. */
export interface WatchedStep extends StepInfo {
  /** Seconds since the step before ended, or since the epoch's first batch was asked for. */
  readonly seconds: number;
  /** Of these, spent waiting for batches. */
  readonly waited: number;
}

/** Points of a curve that an epoch gives at least. */
const POINTS = 50;

/** Gathers steps and gives their means at most about fifty times an epoch: a run of 300 epochs stays a file of some megabytes. */
export class StepMeans {
  private readonly every: number;
  private count = 0;
  private loss = 0;
  private top1 = 0;
  private images = 0;
  private seconds = 0;
  private waited = 0;

  constructor(stepsOfEpoch: number) {
    this.every = Math.max(1, Math.floor(stepsOfEpoch / POINTS));
  }

  /** The means since they were last given, when it is time: loss, top-1 (percent), learning rate, images/s, data wait (percent of the time). */
  add({
    step,
    steps,
    loss,
    lr,
    images,
    top1,
    seconds,
    waited,
  }: WatchedStep): Record<string, number> | undefined {
    this.count++;
    this.loss += loss;
    this.top1 += top1;
    this.images += images;
    this.seconds += seconds;
    this.waited += waited;
    if (this.count < this.every && step < steps) return undefined;
    const { count } = this;
    const means = {
      loss: this.loss / count,
      top1: (100 * this.top1) / count,
      lr,
      images_per_second: this.images / this.seconds,
      data_wait: (100 * this.waited) / this.seconds,
    };
    this.count = this.loss = this.top1 = this.images = this.seconds = this.waited = 0;
    return means;
  }
}
