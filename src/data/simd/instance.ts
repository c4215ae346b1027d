import type { RgbImage } from '../rgb-image.js';
import { SIMD_MODULE } from './module.js';

/** What assembly/index.ts exports; pointers are byte addresses in the memory. */
export interface SimdFunctions {
  horizontal(
    source: number,
    sourceStride: number,
    height: number,
    starts: number,
    weights: number,
    taps: number,
    width: number,
    target: number,
    targetStride: number,
  ): void;
  vertical(
    source: number,
    stride: number,
    bytes: number,
    starts: number,
    weights: number,
    taps: number,
    height: number,
    target: number,
  ): void;
  affineBicubic: Affine;
  affineBilinear: Affine;
  histogram(source: number, length: number, counts: number): void;
  lookup(source: number, length: number, tables: number, target: number): void;
  mirror(source: number, width: number, height: number, target: number): void;
  normalise(source: number, length: number, tables: number, target: number): void;
  saturate(source: number, length: number, factor: number, target: number): void;
  lumaSum(source: number, length: number): number;
  sharpen(source: number, width: number, height: number, factor: number, target: number): void;
  blurRows: Blur;
  blurColumns: Blur;
  philox(
    target: number,
    blocks: number,
    c0: number,
    c1: number,
    c2: number,
    c3: number,
    key0: number,
    key1: number,
  ): void;
  boxMuller(words: number, pairs: number, target: number): void;
}

type Affine = (
  source: number,
  width: number,
  height: number,
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
  f: number,
  fill: number,
  target: number,
) => void;

type Blur = (
  source: number,
  width: number,
  height: number,
  whole: number,
  weight: number,
  edge: number,
  target: number,
) => void;

const PAGE = 65536;
/** All of it is there from the start, so that views of it stay; the system gives a page when it is touched. What needs more is computed in TypeScript. */
const BYTES = 64 * 2 ** 20;
/** What functions may read and write beyond a picture. */
const SLACK = 16;

/** Thrown where the memory is too small: the caller computes in TypeScript. */
class NoRoom extends Error {}

/**
 * The module with its memory; one a thread. Memory is taken from its beginning on and given back all at once: at the end of one operation, or, inside of
 * {@link scope}, at the end of that, so that the pictures of one sample lie in it from operation to operation.
 */
export class Simd {
  readonly functions: SimdFunctions;
  /** The whole memory. */
  readonly bytes: Uint8Array;
  #top = 0;
  #inScope = false;

  constructor(module: WebAssembly.Module) {
    const memory = new WebAssembly.Memory({ initial: BYTES / PAGE, maximum: BYTES / PAGE });
    this.bytes = new Uint8Array(memory.buffer);
    const instance = new WebAssembly.Instance(module, { env: { memory } });
    this.functions = instance.exports as unknown as SimdFunctions;
  }

  get inScope(): boolean {
    return this.#inScope;
  }

  /** Runs `work`; pictures that operations in it give are valid until it ends. */
  scope<T>(work: () => T): T {
    if (this.#inScope) return work();
    this.#inScope = true;
    try {
      return work();
    } finally {
      this.#inScope = false;
      this.#top = 0;
    }
  }

  /**
   * Has an operation compute bytes.
   *
   * @param compute writes them to the address; what memory it takes is free again afterwards
   * @returns a view of the memory inside of a scope, else a copy; undefined where there is not room enough
   */
  compute(length: number, compute: (target: number) => void): Uint8Array | undefined {
    const mark = this.#top;
    let kept = mark;
    try {
      const target = this.take(length);
      if (this.#inScope) kept = this.#top;
      compute(target);
      const result = this.bytes.subarray(target, target + length);
      return this.#inScope ? result : new Uint8Array(result);
    } catch (error) {
      kept = mark;
      if (error instanceof NoRoom) return undefined;
      throw error;
    } finally {
      this.#top = kept;
    }
  }

  /**
   * Memory for the time of an operation, or of a scope.
   * @returns an address, a multiple of 16; what is there is left over
   */
  take(length: number, slack = SLACK): number {
    const address = this.#top;
    const end = Math.ceil((address + length + slack) / 16) * 16;
    if (end > BYTES) throw new NoRoom();
    this.#top = end;
    return address;
  }

  /** Whether an array lies in the memory. */
  holds(data: Uint8Array): boolean {
    return data.buffer === this.bytes.buffer;
  }

  /** The address of a picture's bytes, which are copied into the memory where they are not in it. */
  place(data: Uint8Array): number {
    if (this.holds(data)) return data.byteOffset;
    const address = this.take(data.length);
    this.bytes.set(data, address);
    return address;
  }

  /** An array in the memory, valid until the scope ends; undefined outside of one, and where there is no room for it and what will be made of it. */
  array(length: number): Uint8Array | undefined {
    if (!this.#inScope || this.#top + 2 * length > BYTES) return undefined;
    const address = this.take(length);
    return this.bytes.subarray(address, address + length);
  }

  /** The address from which on `length` bytes and the slack can be read, for pictures in the memory. */
  check(address: number, length: number): void {
    if (address < 0 || address + length + SLACK > BYTES) throw new NoRoom();
  }
}

let loaded: Simd | undefined | 'not tried' = 'not tried';
let isOff = false;

/** The SIMD module; undefined where WebAssembly has no SIMD. */
export function simd(): Simd | undefined {
  if (isOff) return undefined;
  if (loaded === 'not tried') {
    const binary = Buffer.from(SIMD_MODULE, 'base64');
    loaded = WebAssembly.validate(binary) ? new Simd(new WebAssembly.Module(binary)) : undefined;
  }
  return loaded;
}

/** Runs `work` in plain TypeScript, as on a machine without SIMD: the reference that the module is held to. */
export function withoutSimd<T>(work: () => T): T {
  const before = isOff;
  isOff = true;
  try {
    return work();
  } finally {
    isOff = before;
  }
}

/** Runs the operations of one sample, whose pictures may stay in the module's memory from one to the next. None of them may leave `work`. */
export function inOneScope<T>(work: () => T): T {
  const module = simd();
  return module === undefined ? work() : module.scope(work);
}

/** Memory for a picture: inside of a scope, and where there is room, the module's. What is in it is left over. */
export function arrayInScope(length: number): Uint8Array {
  return simd()?.array(length) ?? new Uint8Array(length);
}

/** Runs operations that give a picture, as {@link inOneScope}: the picture is in memory of its own, unless a scope around this one lasts longer. */
export function pictureInOneScope(work: () => RgbImage): RgbImage {
  const module = simd();
  if (module === undefined || module.inScope) return work();
  return module.scope(() => {
    const image = work();
    return module.holds(image.data) ? { ...image, data: new Uint8Array(image.data) } : image;
  });
}
