import { SIMD_MODULE } from './module.js';

/** What assembly/index.ts exports; pointers are byte addresses in the memory. */
export interface SimdFunctions {
  horizontal(
    source: number,
    stride: number,
    height: number,
    starts: number,
    weights: number,
    taps: number,
    width: number,
    target: number,
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
  affineBicubic(
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
  ): void;
  histogram(source: number, length: number, counts: number): void;
  lookup(pixels: number, length: number, tables: number): void;
}

const PAGE = 65536;
/** The memory never shrinks: what needs more is computed in TypeScript. */
const MAX_BYTES = 64 * 2 ** 20;

/** The module with its memory; one a thread. */
export class Simd {
  readonly #memory = new WebAssembly.Memory({ initial: 16, maximum: MAX_BYTES / PAGE });
  readonly functions: SimdFunctions;

  constructor(module: WebAssembly.Module) {
    const instance = new WebAssembly.Instance(module, { env: { memory: this.#memory } });
    this.functions = instance.exports as unknown as SimdFunctions;
  }

  /**
   * Lays buffers of these sizes out in the memory, from its beginning, each followed by `slack` bytes that reads and writes may touch.
   *
   * @returns their addresses, multiples of 16, and the memory's bytes; undefined where they don't fit
   */
  layOut(sizes: readonly number[], slack: number): { addresses: number[]; bytes: Uint8Array } | undefined {
    let end = 0;
    const addresses = sizes.map((size) => {
      const address = end;
      end = Math.ceil((end + size + slack) / 16) * 16;
      return address;
    });
    if (end > MAX_BYTES) return undefined;
    const missing = end - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE));
    return { addresses, bytes: new Uint8Array(this.#memory.buffer) };
  }
}

let loaded: Simd | undefined | 'not tried' = 'not tried';

/** The SIMD module; undefined where WebAssembly has no SIMD. */
export function simd(): Simd | undefined {
  if (loaded === 'not tried') {
    const binary = Buffer.from(SIMD_MODULE, 'base64');
    loaded = WebAssembly.validate(binary) ? new Simd(new WebAssembly.Module(binary)) : undefined;
  }
  return loaded;
}
