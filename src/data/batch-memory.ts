import { UserError } from '../errors.js';
import { ffi } from '../runtime/ffi.js';
import { freeBytes } from '../runtime/free-memory.js';

/** Where native engines take an array as it is, in place of a copy. */
const ALIGNMENT = 64;

/**
 * Arrays for batches, used again when they are given back: memory that is taken anew costs the system's zeroing of every page. All of them can be shared
 * with other threads, and begin where native engines take them without a copy.
 */
export class BatchMemory {
  readonly #free: Float32Array[] = [];

  /**
   * @param length values of a batch
   * @param keep arrays to hold that nobody uses, at most
   */
  constructor(
    private readonly length: number,
    private readonly keep: number,
  ) {}

  /** An array with anything in it. */
  take(): Float32Array {
    return this.#free.pop() ?? sharedFloat32(this.length);
  }

  give(array: Float32Array): void {
    if (this.#free.length < this.keep) this.#free.push(array);
  }
}

/** Zeros in memory that threads share, aligned where the platform's addresses can be known. @throws UserError where there is no memory for them */
function sharedFloat32(length: number): Float32Array {
  const buffer = sharedBytes(length * 4 + ALIGNMENT);
  return new Float32Array(buffer, (ALIGNMENT - misalignment(buffer)) % ALIGNMENT, length);
}

function sharedBytes(bytes: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UserError(
      `out of memory: the images of a batch alone take ${(bytes / 1e9).toFixed(2)} GB, ${(freeBytes() / 1e9).toFixed(2)} GB are free. Choose a smaller --batch-size.`,
      { cause: error },
    );
  }
}

function misalignment(buffer: SharedArrayBuffer): number {
  try {
    return Number(ffi().address(new Uint8Array(buffer)) % BigInt(ALIGNMENT));
  } catch {
    return 0; // without koffi there is no native engine that would care
  }
}
