/** Many texts in one buffer: a million file names as strings would cost ten times the memory and seconds of garbage collection. */
export class PackedStrings {
  /**
   * @param bytes UTF-8, one text after the other
   * @param ends where each text ends in it
   */
  constructor(
    readonly bytes: Uint8Array,
    readonly ends: Uint32Array,
  ) {
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  readonly #text: Buffer;

  static of(texts: Iterable<string>): PackedStrings {
    const packer = new StringPacker();
    for (const text of texts) packer.push(text);
    return packer.finish();
  }

  get length(): number {
    return this.ends.length;
  }

  at(index: number): string {
    return this.#text.toString('utf8', this.ends[index - 1] ?? 0, this.ends[index]);
  }

  *[Symbol.iterator](): Generator<string> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

/** Takes texts one by one. */
export class StringPacker {
  #bytes = Buffer.alloc(1 << 16);
  #used = 0;
  readonly #ends: number[] = [];

  push(text: string): void {
    // No character takes more than three bytes for each of its UTF-16 units.
    const needed = this.#used + text.length * 3;
    if (needed > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#used);
      this.#bytes = larger;
    }
    this.#used += this.#bytes.write(text, this.#used);
    this.#ends.push(this.#used);
  }

  get length(): number {
    return this.#ends.length;
  }

  finish(): PackedStrings {
    return new PackedStrings(this.#bytes.subarray(0, this.#used), Uint32Array.from(this.#ends));
  }
}
