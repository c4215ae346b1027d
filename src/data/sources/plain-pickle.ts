/** What a pickle of plain values may hold. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | PickledObject;

/** An object whose class is not looked up: what it was called with, and the state that was put into it. */
export interface PickledObject {
  readonly path: string;
  args: PickleValue;
  state: PickleValue;
}

/** Why a pickle cannot be read. */
export class PickleError extends Error {
  override readonly name = 'PickleError';
}

const MARK = Symbol('mark');
type Entry = PickleValue | typeof MARK;

/** Far more than the files of data sets nest or remember. */
const MAX_STACK = 10_000_000;

/**
 * Reads a pickle of protocol 2 to 4 as data: nothing in it is imported or called. Byte strings are views of `bytes`, so that the pixels of
 * a data set are found where they lie and not copied; the reader of checkpoints, which turns them into text, would need fifty times the
 * memory.
 *
 * @throws PickleError for truncation, and for operations that plain values and arrays do not use
 */
export function readPickle(bytes: Uint8Array): PickleValue {
  return new Machine(bytes).run();
}

class Machine {
  readonly #view: DataView;
  readonly #stack: Entry[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #at = 0;

  constructor(private readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): PickleValue {
    for (;;) {
      const code = this.take(1)[0]!;
      if (code === 0x2e) return this.pop();
      const step = OPERATIONS[code];
      if (step === undefined)
        throw new PickleError(
          `operation 0x${code.toString(16)} at byte ${this.#at - 1} is of no plain value`,
        );
      step(this);
      if (this.#stack.length > MAX_STACK) throw new PickleError('too many values');
    }
  }

  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.#at)
      throw new PickleError(`it is truncated: ${length} bytes expected at byte ${this.#at}`);
    return this.bytes.subarray(this.#at, (this.#at += length));
  }

  u8 = (): number => this.take(1)[0]!;
  u16 = (): number => this.number(2, (at) => this.#view.getUint16(at, true));
  u32 = (): number => this.number(4, (at) => this.#view.getUint32(at, true));
  i32 = (): number => this.number(4, (at) => this.#view.getInt32(at, true));
  u64 = (): number => this.number(8, (at) => Number(this.#view.getBigUint64(at, true)));
  f64 = (): number => this.number(8, (at) => this.#view.getFloat64(at, false));

  private number(length: number, read: (at: number) => number): number {
    this.take(length);
    return read(this.#at - length);
  }

  text(length: number): string {
    return Buffer.from(this.take(length)).toString('utf8');
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.#at);
    if (end === -1) throw new PickleError('it is truncated within a name');
    const text = this.text(end - this.#at);
    this.#at++;
    return text;
  }

  push(value: Entry): void {
    this.#stack.push(value);
  }

  pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw new PickleError(`nothing to take at byte ${this.#at}`);
    return value;
  }

  top(): PickleValue {
    const value = this.pop();
    this.push(value);
    return value;
  }

  /** Everything since the last mark. */
  marked(): PickleValue[] {
    const start = this.#stack.lastIndexOf(MARK);
    if (start === -1) throw new PickleError(`no mark at byte ${this.#at}`);
    const values = this.#stack.splice(start) as PickleValue[];
    return values.slice(1);
  }

  put(slot: number): void {
    this.#memo.set(slot, this.top());
  }

  get(slot: number): void {
    const value = this.#memo.get(slot);
    if (value === undefined) throw new PickleError(`nothing remembered as ${slot}`);
    this.push(value);
  }

  memoize(): void {
    this.put(this.#memo.size);
  }

  append(values: readonly PickleValue[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw new PickleError('an item for what is no list');
    for (const value of values) list.push(value);
  }

  set(values: readonly PickleValue[]): void {
    const map = this.top();
    if (!(map instanceof Map) || values.length % 2 !== 0)
      throw new PickleError('an item for what is no dict');
    for (let i = 0; i < values.length; i += 2) map.set(values[i]!, values[i + 1]!);
  }

  global(module: string, name: string): void {
    this.push({ path: `${module}.${name}`, args: null, state: null });
  }

  reduce(): void {
    const args = this.pop();
    const callable = this.pop();
    if (!isObject(callable)) throw new PickleError('a call of what is no function');
    this.push({ path: callable.path, args, state: null });
  }

  build(): void {
    const state = this.pop();
    const target = this.top();
    if (!isObject(target)) throw new PickleError('a state for what is no object');
    target.state = state;
  }

  integer(length: number): void {
    const bytes = this.take(length);
    if (length > 8) throw new PickleError(`an integer of ${length} bytes`);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    this.push(Number(BigInt.asIntN(8 * length, value)));
  }
}

function isObject(value: PickleValue): value is PickledObject {
  return typeof value === 'object' && value !== null && 'path' in value;
}

/** Opcodes by number (CPython's Lib/pickletools.py). */
const OPERATIONS: Readonly<Record<number, (m: Machine) => void>> = {
  0x80: (m) => void m.u8(), // PROTO
  0x95: (m) => void m.u64(), // FRAME
  0x28: (m) => m.push(MARK),
  0x4e: (m) => m.push(null),
  0x88: (m) => m.push(true),
  0x89: (m) => m.push(false),
  0x4b: (m) => m.push(m.u8()), // BININT1
  0x4d: (m) => m.push(m.u16()), // BININT2
  0x4a: (m) => m.push(m.i32()), // BININT
  0x8a: (m) => m.integer(m.u8()), // LONG1
  0x47: (m) => m.push(m.f64()), // BINFLOAT
  0x55: (m) => m.push(m.take(m.u8())), // SHORT_BINSTRING
  0x54: (m) => m.push(m.take(m.u32())), // BINSTRING
  0x43: (m) => m.push(m.take(m.u8())), // SHORT_BINBYTES
  0x42: (m) => m.push(m.take(m.u32())), // BINBYTES
  0x8e: (m) => m.push(m.take(m.u64())), // BINBYTES8
  0x58: (m) => m.push(m.text(m.u32())), // BINUNICODE
  0x8c: (m) => m.push(m.text(m.u8())), // SHORT_BINUNICODE
  0x5d: (m) => m.push([]), // EMPTY_LIST
  0x7d: (m) => m.push(new Map()), // EMPTY_DICT
  0x29: (m) => m.push([]), // EMPTY_TUPLE
  0x74: (m) => m.push(m.marked()), // TUPLE
  0x85: (m) => m.push([m.pop()]), // TUPLE1
  0x86: (m) => m.push([m.pop(), m.pop()].reverse()), // TUPLE2
  0x87: (m) => m.push([m.pop(), m.pop(), m.pop()].reverse()), // TUPLE3
  0x61: (m) => m.append([m.pop()]), // APPEND
  0x65: (m) => m.append(m.marked()), // APPENDS
  0x73: (m) => m.set([m.pop(), m.pop()].reverse()), // SETITEM
  0x75: (m) => m.set(m.marked()), // SETITEMS
  0x71: (m) => m.put(m.u8()), // BINPUT
  0x72: (m) => m.put(m.u32()), // LONG_BINPUT
  0x94: (m) => m.memoize(), // MEMOIZE
  0x68: (m) => m.get(m.u8()), // BINGET
  0x6a: (m) => m.get(m.u32()), // LONG_BINGET
  0x63: (m) => m.global(m.line(), m.line()), // GLOBAL
  0x93: (m) => stackGlobal(m), // STACK_GLOBAL
  0x52: (m) => m.reduce(), // REDUCE
  0x62: (m) => m.build(), // BUILD
};

function stackGlobal(m: Machine): void {
  const name = m.pop();
  const module = m.pop();
  if (typeof module !== 'string' || typeof name !== 'string') throw new PickleError('a name that is no text');
  m.global(module, name);
}
