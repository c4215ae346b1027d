import { UsageError } from '../errors.js';
import type { LoadedBatch, Loader } from './loader.js';

/** A place in the batches of a loader. */
export interface LoaderState {
  readonly epoch: number;
  /** Batches taken of the epoch. */
  readonly step: number;
}

/**
 * Takes batches one by one, epoch after epoch, and can say where it is and go anywhere: what lies between is not read. For loops of one's own, which do not
 * iterate over {@link Loader.epoch}.
 *
 * @example
 * const cursor = new LoaderCursor(loader);
 * await cursor.seek({ epoch: 3, step: 120 });
 * const batch = await cursor.next(); // batch 120 of epoch 3
 * cursor.state(); // { epoch: 3, step: 121 }
 */
export class LoaderCursor {
  #state: LoaderState = { epoch: 0, step: 0 };
  #batches: AsyncGenerator<LoadedBatch, void, undefined> | undefined;

  constructor(private readonly loader: Loader) {}

  /** Where the next batch is taken from: plain data, to be kept with a checkpoint. */
  state(): LoaderState {
    return this.#state;
  }

  /** @throws UsageError for a step that the loader's epochs do not have */
  async seek({ epoch, step }: LoaderState): Promise<void> {
    const { steps } = this.loader;
    if (!Number.isInteger(epoch) || epoch < 0 || !Number.isInteger(step) || step < 0 || step > steps)
      throw new UsageError(
        `expected an epoch of 0 or more and a step of 0 to ${steps}, found ${epoch} and ${step}.`,
      );
    await this.close();
    this.#state = step === steps ? { epoch: epoch + 1, step: 0 } : { epoch, step };
  }

  /** The next batch. One call at a time. */
  async next(): Promise<LoadedBatch> {
    const { epoch, step } = this.#state;
    this.#batches ??= this.loader.epoch(epoch, step);
    const { value } = await this.#batches.next();
    if (!value) throw new Error(`the loader ended epoch ${epoch} at step ${step} of ${this.loader.steps}`);
    if (step + 1 < this.loader.steps) this.#state = { epoch, step: step + 1 };
    else {
      await this.close();
      this.#state = { epoch: epoch + 1, step: 0 };
    }
    return value;
  }

  /** Ends what is being prepared. The place stays. */
  async close(): Promise<void> {
    await this.#batches?.return();
    this.#batches = undefined;
  }
}
