import { UserError } from '../errors.js';
import { FetchFailedError } from '../runtime/fetch/transfer-error.js';
import type { Dataset } from './dataset.js';

/** A sample that can't be read or decoded. */
export interface BrokenSample {
  readonly index: number;
  readonly name: string;
  /** What is wrong with it, in a line that names it. */
  readonly reason: string;
}

/** Of the samples tried, so many may be broken: with more, something else is wrong. */
const MAX_SHARE = 0.1;
/** The share means something from so many samples on. */
const ENOUGH = 1000;
/** Broken samples one after the other in a data set that are passed over. */
const MAX_IN_A_ROW = 100;

/**
 * Goes on without samples that can't be read. In training, in place of a broken one stands the next good one in the order of the data set, with the same epoch and view:
 * what a batch holds depends on the data and the address alone, not on what was met before.
 */
export class BrokenSamples {
  readonly #broken = new Map<number, string>();
  #tried = 0;

  /** @param onBroken told of each broken sample, once */
  constructor(
    private readonly dataset: Pick<Dataset, 'length' | 'source' | 'name'>,
    private readonly onBroken: (sample: BrokenSample) => void = () => undefined,
  ) {}

  /**
   * The sample that stands for `index`: itself, if `load` takes it.
   * @throws UserError when too many are broken; what `load` throws besides UserError
   */
  async firstGood(index: number, load: (index: number) => Promise<void>): Promise<number> {
    const { length, source } = this.dataset;
    const tries = Math.min(MAX_IN_A_ROW, length);
    this.#tried++;
    for (let i = 0; i < tries; i++) {
      const candidate = (index + i) % length;
      if (!this.#broken.has(candidate) && (await this.#loads(candidate, load))) return candidate;
    }
    throw new UserError(
      `${source}: ${tries} samples in a row are broken, from the first: ${this.#broken.get(index)!} ${ADVICE}`,
    );
  }

  /**
   * Whether `load` takes the sample: one that is broken has no other in its place.
   * @throws UserError when too many are broken; what `load` throws besides UserError
   */
  async isGood(index: number, load: (index: number) => Promise<void>): Promise<boolean> {
    this.#tried++;
    return this.#loads(index, load);
  }

  async #loads(index: number, load: (index: number) => Promise<void>): Promise<boolean> {
    try {
      await load(index);
      return true;
    } catch (error) {
      // Of a network that fails nothing follows for the sample.
      if (!(error instanceof UserError) || error instanceof FetchFailedError) throw error;
      this.#add(index, error.message);
      return false;
    }
  }

  #add(index: number, reason: string): void {
    if (this.#broken.has(index)) return;
    this.#broken.set(index, reason);
    this.onBroken({ index, name: this.dataset.name(index), reason });
    const { length, source } = this.dataset;
    const most = Math.max(1, MAX_SHARE * Math.max(this.#tried, Math.min(length, ENOUGH)));
    if (this.#broken.size > most)
      throw new UserError(
        `${source}: ${this.#broken.size} samples are broken, more than ${100 * MAX_SHARE} %; the last: ${reason} ${ADVICE}`,
      );
  }
}

const ADVICE = '`recnext data check` lists them.';
