import { sizeOf } from '../../layers/spec/module-spec.js';
import type { HostTensor, StateDict, TensorType } from '../../models/state-dict.js';
import { CheckpointError } from '../checkpoint-error.js';
import { decodedSize, ELEMENT_SIZE, rawElements, widen } from '../tensor-type.js';
import type { MemoryBudget } from './memory-budget.js';

/** Raw bytes that tensors look at. Several tensors may share one. */
export interface Storage {
  /** For messages: the record or key it has in its file. */
  readonly name: string;
  readonly byteLength: number;
  readonly bigEndian: boolean;
  /**
   * Part of the bytes, in memory that is the caller's own; fails with a CheckpointError when the container cannot deliver
   * it.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** More dimensions than any array library allows. */
const MAX_DIMENSIONS = 64;

/**
 * A tensor that is still in its file: a window of a storage, described by offset, shape and strides, all in elements.
 * Everything is checked when it is made; nothing is read before `read`.
 */
export class TensorRef {
  constructor(
    readonly storage: Storage,
    /** A type of ours, or the file's own word for one that is not read (complex64, float8_e4m3fn, …). */
    readonly type: TensorType | { readonly unsupported: string },
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    private readonly budget: MemoryBudget,
  ) {
    checkView(this);
  }

  /** Number of elements. */
  get length(): number {
    return sizeOf(this.shape);
  }

  /** Values in row-major order. The array is the caller's own. */
  async read(where = this.storage.name): Promise<HostTensor> {
    const tensor = await readRange(this, where, this.budget);
    // From here on the memory is the caller's; one tensor alone must fit all the same.
    this.budget.release(tensor.data.byteLength);
    return tensor;
  }
}

function fail({ storage, shape, strides, offset }: TensorRef, message: string): never {
  const list = (values: readonly number[]): string => values.slice(0, MAX_DIMENSIONS).join(', ');
  throw new CheckpointError(
    'corrupt',
    storage.name,
    `${message} (shape [${list(shape)}], strides [${list(strides)}], offset ${offset})`,
  );
}

const isWhole = (n: unknown): n is number => typeof n === 'number' && Number.isSafeInteger(n);

/** Holds shape, strides and offset against the storage's length. */
function checkView(tensor: TensorRef): void {
  const { shape, strides, offset, storage, type } = tensor;
  if (shape.length > MAX_DIMENSIONS) fail(tensor, `a tensor of ${shape.length} dimensions`);
  if (shape.length !== strides.length)
    fail(tensor, `${shape.length} dimensions and ${strides.length} strides`);
  if (![...shape, offset].every((n) => isWhole(n) && n >= 0)) fail(tensor, 'an impossible tensor');
  if (!strides.every(isWhole)) fail(tensor, 'an impossible tensor');
  if (strides.some((stride) => stride < 0)) fail(tensor, 'negative strides, which PyTorch does not allow');
  if (!Number.isSafeInteger(tensor.length)) fail(tensor, 'an impossible tensor');
  if (typeof type !== 'string') return;
  const last =
    tensor.length === 0 ? offset - 1 : offset + shape.reduce((sum, n, d) => sum + (n - 1) * strides[d]!, 0);
  const count = storage.byteLength / ELEMENT_SIZE[type];
  if (!(last < count)) fail(tensor, `the tensor reaches element ${last} of a storage of ${count} elements`);
}

/** Whether the elements lie one after another in row-major order. Strides of dimensions of size 1 mean nothing. */
function isContiguous({ shape, strides }: TensorRef): boolean {
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== expected) return false;
    expected *= shape[d]!;
  }
  return true;
}

/** Elements between the first and the last that the tensor touches, both included. */
function span({ shape, strides, length }: TensorRef): number {
  return length === 0 ? 0 : 1 + shape.reduce((sum, n, d) => sum + (n - 1) * strides[d]!, 0);
}

/** Copies the elements a strided view touches into row-major order; `source` starts at the view's first element. */
function gather<T extends { [i: number]: number | bigint }>(source: T, target: T, tensor: TensorRef): void {
  const { shape, strides, length } = tensor;
  const dims = shape.length;
  const inner = shape[dims - 1]!;
  const step = strides[dims - 1]!;
  const index = new Array<number>(dims).fill(0);
  let base = 0;
  for (let out = 0; out < length;) {
    for (let i = 0, from = base; i < inner; i++, from += step) target[out++] = source[from]!;
    for (let d = dims - 2; d >= 0; d--) {
      base += strides[d]!;
      if (++index[d]! < shape[d]!) break;
      base -= shape[d]! * strides[d]!;
      index[d] = 0;
    }
  }
}

async function readRange(
  tensor: TensorRef,
  where: string,
  budget: MemoryBudget,
  whole?: Uint8Array,
): Promise<HostTensor> {
  const { type, storage, shape } = tensor;
  if (typeof type !== 'string')
    throw new CheckpointError('unsupported', where, `elements of type ${type.unsupported} are not read`);
  const size = ELEMENT_SIZE[type];
  const touched = span(tensor) * size;
  const decoded = tensor.length * decodedSize(type);
  budget.take(decoded, `tensor ${where} of shape [${shape.join(', ')}]`);
  if (!whole) budget.take(touched, `the bytes of tensor ${where}`);
  const start = tensor.offset * size;
  let bytes = whole
    ? whole.subarray(start, start + touched)
    : touched === 0
      ? new Uint8Array(0)
      : await storage.read(start, touched);
  const contiguous = isContiguous(tensor);
  // The caller owns what it gets: memory shared with another tensor is copied.
  if (whole && contiguous && decodedSize(type) === size) bytes = bytes.slice();
  let elements = rawElements(bytes, type, storage.bigEndian);
  if (!contiguous && tensor.length > 0) {
    const Elements = elements.constructor as new (n: number) => Float32Array;
    const target = new Elements(tensor.length);
    gather(elements as Float32Array, target, tensor);
    elements = target;
  }
  const data = widen(elements, type);
  if (!whole) budget.release(touched);
  return { shape: [...shape], data, type };
}

/**
 * Reads named tensors, each storage once however many tensors share it, and hands them over in the order given.
 */
export async function readTensors(
  named: readonly (readonly [name: string, tensor: TensorRef])[],
  budget: MemoryBudget,
  where: string,
  inspect?: (tensor: HostTensor) => void,
): Promise<StateDict> {
  const users = new Map<Storage, (readonly [string, TensorRef])[]>();
  for (const entry of named) {
    const list = users.get(entry[1].storage);
    if (list) list.push(entry);
    else users.set(entry[1].storage, [entry]);
  }
  const read = new Map<string, HostTensor>();
  for (const [storage, entries] of users) {
    const shared = entries.length > 1 && storage.byteLength > 0;
    if (shared) budget.take(storage.byteLength, `storage ${storage.name}`);
    const whole = shared ? await storage.read(0, storage.byteLength) : undefined;
    for (const [name, ref] of entries) {
      const tensor = await readRange(ref, `${where}: ${name}`, budget, whole);
      inspect?.(tensor);
      read.set(name, tensor);
    }
    if (shared) budget.release(storage.byteLength);
  }
  return new Map(named.map(([name]) => [name, read.get(name)!]));
}
