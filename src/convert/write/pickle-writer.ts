import { OP } from '../read/pickle/opcodes.js';

/** Writes pickle protocol 2, as far as a dict of tensors needs it. No memo: what repeats is written again. */
export class PickleWriter {
  private bytes = new Uint8Array(1 << 16);
  private length = 0;

  constructor() {
    this.op(OP.PROTO, 2);
  }

  /** Raw bytes: an opcode and its one-byte arguments. */
  op(...bytes: number[]): this {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(2 * (this.length + more));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  private u32(value: number): this {
    return this.op(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24);
  }

  text(text: string): this {
    const utf8 = new TextEncoder().encode(text);
    this.op(OP.BINUNICODE).u32(utf8.length);
    this.reserve(utf8.length);
    this.bytes.set(utf8, this.length);
    this.length += utf8.length;
    return this;
  }

  /** A whole number from 0 to 2^53. */
  int(value: number): this {
    if (value < 256) return this.op(OP.BININT1, value);
    if (value < 65536) return this.op(OP.BININT2, value & 255, value >> 8);
    if (value < 2 ** 31) return this.op(OP.BININT).u32(value);
    const bytes = Array.from({ length: 8 }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n));
    return this.op(OP.LONG1, 8, ...bytes);
  }

  ints(values: readonly number[]): this {
    this.op(OP.MARK);
    for (const value of values) this.int(value);
    return this.op(OP.TUPLE);
  }

  global(module: string, name: string): this {
    return this.op(OP.GLOBAL, ...new TextEncoder().encode(`${module}\n${name}\n`));
  }

  /** An empty OrderedDict. */
  orderedDict(): this {
    return this.global('collections', 'OrderedDict').op(OP.EMPTY_TUPLE, OP.REDUCE);
  }

  finish(): Uint8Array {
    this.op(OP.STOP);
    return this.bytes.slice(0, this.length);
  }
}
