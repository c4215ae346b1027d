import { sizeOf } from '../../layers/spec/module-spec.js';
import type { HostTensor, StateDict, TensorType } from '../../models/state-dict.js';
import { CheckpointError } from '../checkpoint-error.js';
import { readOwn, type ByteSource } from '../source/byte-source.js';
import { ELEMENT_SIZE, rowMajorStrides } from '../tensor-type.js';
import { isCount, isRecord, parseJson } from './json.js';
import type { MemoryBudget } from './memory-budget.js';
import { TensorRef, type Storage } from './tensor-ref.js';

/** The format's own cap on its header. */
const MAX_HEADER = 100_000_000;
/** A name, its description, a list of numbers. */
const MAX_DEPTH = 3;
/** Bytes of memory that the descriptions of a tensor, and a field of the metadata, take. */
const TENSOR_COST = 1500;
const FIELD_COST = 200;

const TYPES: Readonly<Record<string, TensorType>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U64: 'uint64',
  U32: 'uint32',
  U16: 'uint16',
  U8: 'uint8',
  BOOL: 'bool',
};

export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, TensorRef>;
  /** The `__metadata__` of the header: text by name. */
  readonly metadata: ReadonlyMap<string, string>;
}

interface Entry {
  readonly name: string;
  readonly type: TensorRef['type'];
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

function parseEntry(name: string, value: unknown, dataSize: number, where: string): Entry {
  const fail = (message: string): never => {
    throw new CheckpointError('corrupt', `${where}: ${name}`, message);
  };
  if (!isRecord(value)) return fail('its description is no object');
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string') return fail('it has no type');
  if (!Array.isArray(shape) || !shape.every(isCount)) return fail('its shape is no list of whole numbers');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    return fail('it has no data offsets');
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataSize) return fail(`bytes ${begin} to ${end} of ${dataSize}`);
  const type = Object.hasOwn(TYPES, dtype) ? TYPES[dtype] : undefined;
  if (type !== undefined) {
    const needed = sizeOf(shape) * ELEMENT_SIZE[type];
    if (needed !== end - begin)
      return fail(
        `shape [${shape.join(', ')}] of ${dtype} takes ${needed} bytes, its offsets give ${end - begin}`,
      );
  }
  return { name, type: type ?? { unsupported: dtype }, shape, begin, end };
}

/** The data must be covered once and completely: no holes, no overlaps, nothing behind. */
function checkCover(entries: readonly Entry[], dataSize: number, where: string): void {
  let position = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== position)
      throw new CheckpointError(
        'corrupt',
        `${where}: ${name}`,
        `${begin < position ? 'shares bytes with another tensor' : 'unused bytes before it'} (starts at ${begin}, expected ${position})`,
      );
    position = end;
  }
  if (position !== dataSize)
    throw new CheckpointError('corrupt', where, `${dataSize - position} bytes after its last tensor`);
}

/** The length of the header, or undefined if this cannot be a safetensors file. `head` holds the first bytes, nine at least. */
export function headerLength(head: Uint8Array, size: number): number | undefined {
  if (head.length < 9 || head[8] !== 0x7b) return undefined;
  const length = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true);
  return length >= 2n && length <= BigInt(MAX_HEADER) && length < BigInt(Math.max(size, MAX_HEADER))
    ? Number(length)
    : undefined;
}

/** Reads and checks the header; the tensors stay in the file. */
export async function openSafetensors(source: ByteSource, budget: MemoryBudget): Promise<SafetensorsFile> {
  const where = source.name;
  const length = headerLength(await source.read(0, Math.min(9, source.size)), source.size);
  if (length === undefined) throw new CheckpointError('corrupt', where, 'no safetensors header');
  if (8 + length > source.size)
    throw new CheckpointError(
      'truncated',
      where,
      `its header takes ${length} bytes, the file has ${source.size}`,
    );
  budget.take(length, 'its header');
  const bytes = await source.read(8, length);
  const header = parseJson(bytes, `${where}: header`, budget, MAX_DEPTH);
  budget.release(length);
  if (!isRecord(header)) throw new CheckpointError('corrupt', where, 'its header is no JSON object');
  const dataSize = source.size - 8 - length;
  const metadata = new Map<string, string>();
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    budget.take(TENSOR_COST, 'its list of tensors');
    if (name !== '__metadata__') {
      entries.push(parseEntry(name, value, dataSize, where));
      continue;
    }
    if (!isRecord(value)) throw new CheckpointError('corrupt', where, '__metadata__ is no object');
    for (const [key, text] of Object.entries(value)) {
      budget.take(FIELD_COST, 'its metadata');
      if (typeof text !== 'string')
        throw new CheckpointError('corrupt', where, `__metadata__ ${key} is no text`);
      metadata.set(key, text);
    }
  }
  checkCover(entries, dataSize, where);
  const tensors = new Map<string, TensorRef>();
  for (const { name, type, shape, begin, end } of entries) {
    const storage: Storage = {
      name: `${where}: ${name}`,
      byteLength: end - begin,
      bigEndian: false,
      read: (offset, count) => readOwn(source, 8 + length + begin + offset, count),
    };
    tensors.set(name, new TensorRef(storage, type, 0, shape, rowMajorStrides(shape), budget));
  }
  return { tensors, metadata };
}

/** Reads tensors one by one, in the order given. */
export async function readAll(
  tensors: Iterable<readonly [string, TensorRef]>,
  where: string,
  inspect?: (tensor: HostTensor) => void,
): Promise<StateDict> {
  const read = new Map<string, HostTensor>();
  for (const [name, ref] of tensors) {
    const tensor = await ref.read(`${where}: ${name}`);
    inspect?.(tensor);
    read.set(name, tensor);
  }
  return read;
}
