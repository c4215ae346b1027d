import { CheckpointError } from '../checkpoint-error.js';
import { readOwn, type ByteSource } from '../source/byte-source.js';
import { ELEMENT_SIZE } from '../tensor-type.js';
import type { MemoryBudget } from './memory-budget.js';
import { unpickle, type Unpickled } from './pickle/unpickle.js';
import { StorageRef, type PickleValue } from './pickle/values.js';
import type { Storage } from './tensor-ref.js';
import { parseStorageId, type PickledFile, type StorageId } from './torch-zip.js';

/** First read of a pickle whose length nobody knows; grown while it proves too short. */
const FIRST_WINDOW = 1 << 18;
/** Longest pickle: a training checkpoint of the largest model takes a few hundred kilobytes. */
const MAX_PICKLE = 1 << 26;
/** 0x1950a86a20f9469cfc6c, which starts every file of this format. */
const MAGIC = 119547037146038801333356n;
const PROTOCOL = 1001;

/** A storage in the file; its place is known once the list after the pickle has been read. */
class LegacyStorage implements Storage {
  readonly bigEndian = false;
  position: number | undefined;

  constructor(
    readonly name: string,
    readonly id: StorageId,
    private readonly source: ByteSource,
  ) {}

  get byteLength(): number {
    return this.id.byteLength;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return readOwn(this.source, this.position! + offset, length);
  }
}

/** A window of a storage, as PyTorch 0.3 described views. */
function windowOf(storage: LegacyStorage, view: PickleValue, elementSize: number): Storage {
  if (view === null) return storage;
  const [key, offset, count] = Array.isArray(view) ? view : [];
  const valid =
    typeof key === 'string' &&
    typeof offset === 'number' &&
    typeof count === 'number' &&
    offset >= 0 &&
    count >= 0;
  if (!valid || !((offset + count) * elementSize <= storage.byteLength))
    throw new CheckpointError('corrupt', storage.name, 'a view that lies outside its storage');
  const start = offset * elementSize;
  return {
    name: `${storage.name} view ${key}`,
    byteLength: count * elementSize,
    bigEndian: false,
    read: (from, length) => storage.read(start + from, length),
  };
}

class LegacyReader {
  private position = 0;
  storages = new Map<string, LegacyStorage>();

  constructor(
    private readonly source: ByteSource,
    private readonly budget: MemoryBudget,
  ) {}

  private readonly persistentLoad = (id: PickleValue): PickleValue => {
    // Whole modules are saved with the source text of their class, for a warning: ('module', object, file, text).
    if (Array.isArray(id) && id[0] === 'module' && id[1] !== undefined) return id[1];
    const parsed = parseStorageId(id, this.source.name);
    const name = `${this.source.name}: storage ${parsed.key}`;
    let storage = this.storages.get(parsed.key);
    if (!storage) {
      storage = new LegacyStorage(name, parsed, this.source);
      this.storages.set(parsed.key, storage);
    } else if (
      storage.id.byteLength !== parsed.byteLength ||
      !sameType(storage.id.elementType, parsed.elementType)
    ) {
      throw new CheckpointError('corrupt', name, 'two descriptions of one storage disagree');
    }
    const size = typeof parsed.elementType === 'string' ? ELEMENT_SIZE[parsed.elementType] : 1;
    return new StorageRef(windowOf(storage, parsed.view, size), parsed.elementType);
  };

  /** The pickle at the current position, which then moves behind it. */
  async pickle(): Promise<Unpickled> {
    const { source, budget } = this;
    const left = source.size - this.position;
    for (let window = FIRST_WINDOW; ; window *= 4) {
      const length = Math.min(window, left, MAX_PICKLE);
      budget.take(length, 'its pickle');
      this.storages = new Map();
      try {
        const bytes = await source.read(this.position, length);
        const result = unpickle(bytes, { where: source.name, budget, persistentLoad: this.persistentLoad });
        this.position += result.length;
        return result;
      } catch (error) {
        const tooShort = error instanceof CheckpointError && error.kind === 'truncated';
        if (!tooShort || length === left) throw error;
        if (length === MAX_PICKLE)
          throw new CheckpointError('limit', source.name, `a pickle of over ${MAX_PICKLE} bytes`);
      } finally {
        budget.release(length);
      }
    }
  }

  /** Finds every storage in the file: eight bytes of length and the data, one after another, and nothing else. */
  async locate(keys: PickleValue, storages: ReadonlyMap<string, LegacyStorage>): Promise<void> {
    const { source } = this;
    const bad = (message: string): never => {
      throw new CheckpointError('corrupt', source.name, message);
    };
    if (!Array.isArray(keys)) return bad('no list of storages after the pickle');
    for (const key of keys) {
      const storage = typeof key === 'string' ? storages.get(key) : undefined;
      if (!storage) return bad(`lists a storage ${JSON.stringify(String(key))} that no tensor uses`);
      if (storage.position !== undefined) return bad(`lists storage ${storage.id.key} twice`);
      const end = this.position + 8 + storage.byteLength;
      if (end > source.size)
        throw new CheckpointError(
          'truncated',
          storage.name,
          `ends at byte ${end}, but the file has ${source.size}`,
        );
      const header = await source.read(this.position, 8);
      const count = new DataView(header.buffer, header.byteOffset, 8).getBigUint64(0, true);
      if (typeof storage.id.elementType === 'object')
        throw new CheckpointError(
          'unsupported',
          storage.name,
          `elements of type ${storage.id.elementType.unsupported} are not read`,
        );
      if (count !== BigInt(storage.id.count))
        return bad(`storage ${storage.id.key} has ${count} elements; its tensors need ${storage.id.count}`);
      storage.position = this.position + 8;
      this.position = end;
    }
    for (const storage of storages.values())
      if (storage.position === undefined) return bad(`storage ${storage.id.key} is not in the file`);
    if (this.position !== source.size)
      return bad(`${source.size - this.position} bytes after its last storage`);
  }
}

const sameType = (a: StorageId['elementType'], b: StorageId['elementType']): boolean =>
  typeof a === 'object' && typeof b === 'object' ? a.unsupported === b.unsupported : a === b;

/** Reads the format of torch.save before PyTorch 1.6: five pickles, then the storages. */
export async function readTorchLegacy(source: ByteSource, budget: MemoryBudget): Promise<PickledFile> {
  const reader = new LegacyReader(source, budget);
  const magic = (await reader.pickle()).value;
  const protocol = (await reader.pickle()).value;
  if (magic !== MAGIC || protocol !== PROTOCOL)
    throw new CheckpointError('unsupported', source.name, 'a torch.save file of an unknown legacy version');
  // Byte order and type sizes of the machine that wrote it: the data is little-endian whatever it says.
  await reader.pickle();
  const main = await reader.pickle();
  const storages = reader.storages;
  const keys = await reader.pickle();
  await reader.locate(keys.value, storages);
  return { ...main, format: 'torch-legacy', notes: () => [] };
}
