import type { PackedStrings } from './packed-strings.js';
import { StringPacker } from './packed-strings.js';

/** Where the pictures of one shard lie, and their labels: four arrays instead of an object a sample. */
export interface SampleIndex {
  readonly names: PackedStrings;
  /** -1 where the shard itself does not say. */
  readonly labels: Int32Array;
  /** First byte in the shard. */
  readonly offsets: Float64Array;
  /** Bytes. */
  readonly sizes: Float64Array;
}

export interface IndexedSample {
  readonly name: string;
  readonly label: number;
  readonly offset: number;
  readonly size: number;
}

/** No label. */
export const UNLABELLED = -1;

/** Takes samples one by one. */
export class SampleIndexBuilder {
  readonly #names = new StringPacker();
  readonly #labels: number[] = [];
  readonly #offsets: number[] = [];
  readonly #sizes: number[] = [];

  push({ name, label, offset, size }: IndexedSample): void {
    this.#names.push(name);
    this.#labels.push(label);
    this.#offsets.push(offset);
    this.#sizes.push(size);
  }

  get length(): number {
    return this.#labels.length;
  }

  finish(): SampleIndex {
    return {
      names: this.#names.finish(),
      labels: Int32Array.from(this.#labels),
      offsets: Float64Array.from(this.#offsets),
      sizes: Float64Array.from(this.#sizes),
    };
  }
}

/** Which part of several, laid end to end, holds an index. */
export class Parts {
  /** Where each part ends. */
  readonly #ends: Float64Array;

  constructor(lengths: readonly number[]) {
    let end = 0;
    this.#ends = Float64Array.from(lengths, (length) => (end += length));
  }

  get length(): number {
    return this.#ends.at(-1) ?? 0;
  }

  /** Number of the part, and the index inside it. */
  find(index: number): { readonly part: number; readonly inside: number } {
    let low = 0;
    let high = this.#ends.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (index < this.#ends[middle]!) high = middle;
      else low = middle + 1;
    }
    return { part: low, inside: index - (this.#ends[low - 1] ?? 0) };
  }
}
