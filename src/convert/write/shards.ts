/** Browsers cache files of this size and fetch several at once; the size tensorflowjs_converter cuts at too. */
export const SHARD_BYTES = 4 * 2 ** 20;

export interface ModelFile {
  readonly name: string;
  readonly data: Uint8Array;
  /** May be called once `data` is not needed any more: its memory is used again. */
  readonly release?: () => void;
}

/** Cuts a stream of bytes whose length is known into the weight files of a TF.js model, of one size. */
export class Shards {
  readonly names: readonly string[];
  private current: Uint8Array<ArrayBuffer>;
  private filled = 0;
  private done = 0;
  /** Memory of files that are done with. */
  private readonly free: Uint8Array<ArrayBuffer>[] = [];

  constructor(
    private readonly total: number,
    private readonly size: number,
  ) {
    const count = Math.max(1, Math.ceil(total / size));
    this.names = Array.from({ length: count }, (_, i) => `group1-shard${i + 1}of${count}.bin`);
    this.current = this.next();
  }

  *add(bytes: Uint8Array): Generator<ModelFile> {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + this.current.length - this.filled);
      this.current.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
      if (this.filled === this.current.length && this.done < this.names.length - 1) {
        yield this.file();
        this.current = this.next();
      }
    }
  }

  *end(): Generator<ModelFile> {
    yield this.file();
  }

  private file(): ModelFile {
    const data = this.current;
    return { name: this.names[this.done++]!, data, release: () => void this.free.push(data) };
  }

  private next(): Uint8Array<ArrayBuffer> {
    this.filled = 0;
    const size = Math.min(this.size, this.total - this.done * this.size);
    return this.free.pop()?.subarray(0, size) ?? new Uint8Array(size);
  }
}
