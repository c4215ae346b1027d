import { CheckpointError } from '../checkpoint-error.js';
import type { ByteSource } from '../source/byte-source.js';
import { ELEMENT_SIZE } from '../tensor-type.js';
import type { MemoryBudget } from './memory-budget.js';
import { storageType } from './pickle/constructors.js';
import { unpickle, type Unpickled } from './pickle/unpickle.js';
import { ClassRef, StorageRef, type PickleValue } from './pickle/values.js';
import type { Storage } from './tensor-ref.js';
import { ZipArchive } from './zip.js';

/** A pickled object of a PyTorch file, its tensors still in the file. */
export interface PickledFile extends Unpickled {
  readonly format: 'torch-zip' | 'torch-legacy' | 'torchscript';
  /** What to tell people about how it was read. */
  readonly notes: () => string[];
}

/** The parts of a storage's persistent id: ('storage', class, key, device, number of elements[, view]). */
export interface StorageId {
  readonly elementType: StorageRef['elementType'];
  readonly key: string;
  readonly byteLength: number;
  /** Elements, or bytes for an untyped storage. */
  readonly count: number;
  /** The sixth part, in files of PyTorch 0.3: a window of the storage under a name of its own. */
  readonly view: PickleValue;
}

/** Checks and takes apart a persistent id. Types that are not read count as one byte an element: the size is then unknown. */
export function parseStorageId(id: PickleValue, where: string): StorageId {
  const [tag, storageClass, key, , count, view = null] = Array.isArray(id) ? id : [];
  if (tag !== 'storage' || !(storageClass instanceof ClassRef) || typeof key !== 'string')
    throw new CheckpointError('corrupt', where, 'a reference to something other than a storage');
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0)
    throw new CheckpointError('corrupt', where, `storage "${key}" with an impossible number of elements`);
  const elementType = storageType(storageClass);
  const size = typeof elementType === 'string' ? ELEMENT_SIZE[elementType] : 1;
  return { elementType, key, byteLength: count * size, count, view };
}

/** The root folder of the archive: its name is whatever the file was called when it was saved. */
function findRoot(archive: ZipArchive, where: string): string {
  const roots: string[] = [];
  const others: string[] = [];
  for (const name of archive.names) {
    const root = /^([^/]+\/)data\.pkl$/.exec(name)?.[1];
    if (root !== undefined) roots.push(root);
    else if (others.length < 5) others.push(name);
  }
  if (roots.length === 1) return roots[0]!;
  if (roots.length > 1)
    throw new CheckpointError('corrupt', where, `${roots.length} pickles where a PyTorch file has one`);
  const hint = others.some((name) => name.endsWith('.npy')) ? ' It looks like a NumPy archive (.npz).' : '';
  throw new CheckpointError(
    'unknown-format',
    where,
    `a zip archive, but not one of PyTorch: it has no data.pkl in a folder (it has ${others.join(', ') || 'no files'}).${hint}`,
  );
}

async function isBigEndian(archive: ZipArchive, root: string, where: string): Promise<boolean> {
  const size = archive.sizeOf(`${root}byteorder`);
  // Files from before PyTorch 2.1 lack the record.
  if (size === undefined) return false;
  const order = size > 16 ? '' : new TextDecoder().decode(await archive.read(`${root}byteorder`));
  if (order !== 'little' && order !== 'big')
    throw new CheckpointError('corrupt', where, 'a byte order that is neither "little" nor "big"');
  return order === 'big';
}

/** Reads the zip container of torch.save (PyTorch 1.6 on) and of torch.jit.save. */
export async function readTorchZip(source: ByteSource, budget: MemoryBudget): Promise<PickledFile> {
  const archive = await ZipArchive.open(source, budget);
  const root = findRoot(archive, source.name);
  const bigEndian = await isBigEndian(archive, root, source.name);
  const storages = new Map<string, Storage>();

  const openStorage = (id: StorageId): Storage => {
    const name = `${root}data/${id.key}`;
    const size = archive.sizeOf(name);
    const where = `${source.name}: ${name}`;
    if (size === undefined)
      throw new CheckpointError('corrupt', where, 'the storage is missing from the archive');
    if (typeof id.elementType !== 'object' && size !== id.byteLength)
      throw new CheckpointError(
        'corrupt',
        where,
        `the storage has ${size} bytes; its tensors need ${id.byteLength}`,
      );
    const known = storages.get(id.key);
    if (known) return known;
    const storage: Storage = {
      name: where,
      byteLength: size,
      bigEndian,
      async read(offset, length) {
        if (length === size) return archive.read(name);
        // Entries are read whole, for their checksum.
        budget.take(size, where);
        const bytes = (await archive.read(name)).slice(offset, offset + length);
        budget.release(size);
        return bytes;
      },
    };
    storages.set(id.key, storage);
    return storage;
  };

  const where = `${source.name}: ${root}data.pkl`;
  const size = archive.sizeOf(`${root}data.pkl`)!;
  budget.take(size, 'its pickle');
  const bytes = await archive.read(`${root}data.pkl`);
  const unpickled = unpickle(bytes, {
    where,
    budget,
    persistentLoad: (id) => {
      const parsed = parseStorageId(id, where);
      return new StorageRef(openStorage(parsed), parsed.elementType);
    },
  });
  budget.release(size);
  if (unpickled.length !== size)
    throw new CheckpointError(
      'corrupt',
      where,
      `${size - unpickled.length} bytes after the end of the pickle`,
    );
  const scripted = archive.sizeOf(`${root}constants.pkl`) !== undefined;
  return {
    ...unpickled,
    format: scripted ? 'torchscript' : 'torch-zip',
    notes: () =>
      archive.unchecked ? ['saved without checksums: damage to the weights cannot be noticed'] : [],
  };
}
