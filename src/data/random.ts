import { boxMuller } from './box-muller.js';
import { simd } from './simd/instance.js';

/**
 * Random numbers by address: what is drawn depends only on (seed, epoch, sample, purpose), never on what was drawn before. So the
 * order of work, the number of workers or processes and a restart change nothing.
 *
 * The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011), the
 * counter-based generator of TensorFlow, PyTorch's CUDA kernels and cuRAND: the address is its counter, the seed its key.
 */

/** One counter of four 32-bit words under a key of two: four random 32-bit words, written to `out`. */
export function philox4x32(counter: readonly number[], key: readonly number[], out: Uint32Array): void {
  let [c0, c1, c2, c3] = counter as [number, number, number, number];
  let [k0, k1] = key as [number, number];
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(c0, 0xd2511f53);
    const low0 = Math.imul(c0, 0xd2511f53);
    const high1 = multiplyHigh(c2, 0xcd9e8d57);
    const low1 = Math.imul(c2, 0xcd9e8d57);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** Many counters, from `counter` on, in WebAssembly; undefined where there is none. */
function philoxBlocks(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
  blocks: number,
): Uint32Array | undefined {
  const module = simd();
  const bytes = module?.compute(blocks * 16, (target) =>
    module.functions.philox(target, blocks, ...counter, ...key),
  );
  return bytes && new Uint32Array(bytes.buffer, bytes.byteOffset, blocks * 4);
}

/** The upper 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000)) | 0;
}

/** What a stream is drawn for. The numbers are part of the address: give new purposes new ones, never change one. */
export const PURPOSE = {
  shuffle: 0,
  crop: 1,
  flip: 2,
  interpolation: 3,
  verticalFlip: 4,
  autoAugment: 5,
  threeAugment: 6,
  colorJitter: 7,
  erasing: 8,
  mixing: 9,
} as const;
export type Purpose = keyof typeof PURPOSE;

/** Which visit of which sample. */
export interface SampleAddress {
  /** 0 … 2^53 - 1. */
  readonly seed: number;
  readonly epoch: number;
  /** The sample's number in its data set, or a step's in its epoch; 0 for draws that belong to the whole epoch. */
  readonly index: number;
  /** Which of several visits within one epoch (repeated augmentation), 0 … 65,535. Default 0. */
  readonly view?: number;
}

/** Where random choices come from: a {@link RandomStream}, or in tests, given numbers. */
export interface Draws {
  /** A double in [0, 1). */
  uniform(): number;
  /** Normal with mean 0 and variance 1. */
  normal(): number;
  /** `count` float32 normals to `out` from `offset` on. */
  normals(out: Float32Array, offset: number, count: number): void;
}

/** The random numbers of one purpose at one address, from the first on. */
export class RandomStream implements Draws {
  readonly #counter: [number, number, number, number];
  readonly #key: readonly [number, number];
  readonly #words = new Uint32Array(4);
  #used = 4;

  constructor({ seed, epoch, index, view = 0 }: SampleAddress, purpose: Purpose) {
    this.#counter = [0, index, epoch, PURPOSE[purpose] + view * 0x1_0000];
    this.#key = [seed >>> 0, Math.floor(seed / 0x1_0000_0000)];
  }

  /** A whole number in 0 … 2^32 - 1. */
  uint32(): number {
    if (this.#used === 4) {
      philox4x32(this.#counter, this.#key, this.#words);
      this.#counter[0]++;
      this.#used = 0;
    }
    return this.#words[this.#used++]!;
  }

  /** A double in [0, 1) with 53 random bits, as Python's and NumPy's are. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 0x400_0000 + low) / 2 ** 53;
  }

  /** Normal with mean 0 and variance 1 (Box-Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Of one word each: a quarter of what {@link normal} costs. */
  normals(out: Float32Array, offset: number, count: number): void {
    boxMuller(this.#take(count + (count % 2)), out, offset, count);
  }

  /** The next `count` of {@link uint32}. */
  #take(count: number): Uint32Array {
    const words = new Uint32Array(count);
    let at = 0;
    while (at < count && this.#used < 4) words[at++] = this.#words[this.#used++]!;
    const blocks = (count - at) >> 2;
    const many = blocks > 0 ? philoxBlocks(this.#counter, this.#key, blocks) : undefined;
    if (many !== undefined) {
      words.set(many, at);
      at += many.length;
      this.#counter[0] += blocks;
    }
    while (at < count) words[at++] = this.uint32();
    return words;
  }
}

/** A random order of 0 … n-1 (Fisher-Yates). */
export function permutation(n: number, stream: RandomStream): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(stream.uniform() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
