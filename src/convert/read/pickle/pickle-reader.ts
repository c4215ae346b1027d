import { CheckpointError } from '../../checkpoint-error.js';

/** Longest integer taken, in bytes: torch.save's magic number has ten. */
const MAX_INTEGER_BYTES = 64;
/** Longest module or class name. */
const MAX_NAME_BYTES = 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Primitive reads from a pickle in memory; every length is held against what is left. */
export class PickleReader {
  private readonly view: DataView;
  position = 0;

  constructor(
    private readonly bytes: Uint8Array,
    readonly where: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  fail(message: string, cause?: unknown): never {
    throw new CheckpointError('corrupt', this.where, `bad pickle at byte ${this.position}: ${message}`, {
      cause,
    });
  }

  private advance(length: number): number {
    const start = this.position;
    const left = this.bytes.length - start;
    if (length > left)
      throw new CheckpointError(
        'truncated',
        this.where,
        `the pickle needs ${length} bytes at byte ${start}, but only ${left} are left`,
      );
    this.position = start + length;
    return start;
  }

  u8(): number {
    return this.view.getUint8(this.advance(1));
  }

  u16(): number {
    return this.view.getUint16(this.advance(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.advance(4), true);
  }

  i32(): number {
    return this.view.getInt32(this.advance(4), true);
  }

  /** A 64-bit length; one beyond 2^53 is beyond every file. */
  u64(): number {
    return Number(this.view.getBigUint64(this.advance(8), true));
  }

  /** Pickle's only big-endian number. */
  f64(): number {
    return this.view.getFloat64(this.advance(8), false);
  }

  /** A copy of the next `length` bytes. */
  take(length: number): Uint8Array {
    const start = this.advance(length);
    return this.bytes.slice(start, start + length);
  }

  text(length: number): string {
    const start = this.advance(length);
    try {
      return utf8.decode(this.bytes.subarray(start, start + length));
    } catch (cause) {
      return this.fail('text that is not UTF-8', cause);
    }
  }

  /** Python 2's byte strings, read as Latin-1 as torch.load does where it can. */
  latin1(length: number): string {
    const start = this.advance(length);
    let text = '';
    for (let i = start; i < start + length; i++) text += String.fromCharCode(this.bytes[i]!);
    return text;
  }

  /** Text up to the next newline. */
  line(): string {
    const end = this.bytes.subarray(this.position, this.position + MAX_NAME_BYTES).indexOf(0x0a);
    if (end < 0) {
      if (this.bytes.length - this.position >= MAX_NAME_BYTES)
        this.fail(`a name of over ${MAX_NAME_BYTES} bytes`);
      this.advance(MAX_NAME_BYTES);
    }
    const text = this.text(end);
    this.position++;
    return text;
  }

  /** A two's complement integer of `length` bytes. */
  integer(length: number): number | bigint {
    if (length > MAX_INTEGER_BYTES) this.fail(`an integer of ${length} bytes`);
    const start = this.advance(length);
    let value = 0n;
    for (let i = start + length - 1; i >= start; i--) value = (value << 8n) | BigInt(this.bytes[i]!);
    const signed = BigInt.asIntN(8 * length, value);
    return signed >= Number.MIN_SAFE_INTEGER && signed <= Number.MAX_SAFE_INTEGER ? Number(signed) : signed;
  }

  skipFrame(): void {
    const length = this.u64();
    if (length > this.bytes.length - this.position) this.advance(length);
  }
}
