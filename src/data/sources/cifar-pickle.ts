import { UserError } from '../../errors.js';
import type { ByteSource } from './byte-source.js';
import { PickleError, readPickle, type PickleValue } from './plain-pickle.js';

const PIXELS = 3072;

/** Two hundred times what CIFAR's largest file has beside its pixels. */
const MAX_FILE = 2 ** 30;

/**
 * Labels of a batch of CIFAR's Python version, and where its pixels lie in the file.
 * @param fine whether the labels are the fine ones of CIFAR-100
 * @throws UserError for anything else
 */
export async function cifarBatch(
  source: ByteSource,
  fine: boolean,
): Promise<{ labels: Int32Array; start: number }> {
  const { dict, file } = await readDict(source);
  const labels = dict.get(fine ? 'fine_labels' : 'labels');
  const pixels = arrayBytes(dict.get('data'), file);
  if (!Array.isArray(labels) || pixels === undefined || pixels.length !== labels.length * PIXELS)
    throw new UserError(
      `${source.file} is no batch of CIFAR: expected labels and ${PIXELS} bytes of pixels for each, found ${Array.isArray(labels) ? labels.length : 'no'} labels and ${pixels?.length ?? 0} bytes.`,
    );
  const values = labels.map((label) => (typeof label === 'number' ? label : -1));
  return { labels: Int32Array.from(values), start: pixels.start };
}

/** Names of the classes from `meta` or `batches.meta`. */
export async function cifarNames(source: ByteSource, fine: boolean): Promise<string[]> {
  const names = (await readDict(source)).dict.get(fine ? 'fine_label_names' : 'label_names');
  if (!Array.isArray(names)) throw new UserError(`${source.file} has no names of classes in it.`);
  return names.map((name) => textOf(name) ?? '');
}

async function readDict(source: ByteSource): Promise<{ dict: Map<string, PickleValue>; file: Uint8Array }> {
  if (source.size > MAX_FILE)
    throw new UserError(`${source.file} is no file of CIFAR: ${source.size} bytes.`);
  const bytes = await source.read(0, source.size);
  try {
    const value = readPickle(bytes);
    if (value instanceof Map)
      return { dict: new Map([...value].map(([key, item]) => [textOf(key) ?? '', item])), file: bytes };
  } catch (error) {
    if (!(error instanceof PickleError)) throw error;
    throw new UserError(
      `${source.file} cannot be read as a pickle of CIFAR: ${error.message} (${source.size} bytes). Fetch it again.`,
      { cause: error },
    );
  }
  throw new UserError(`${source.file} holds no pickled dict, as the files of CIFAR do.`);
}

function textOf(value: PickleValue | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : undefined;
}

/** Where the bytes of a pickled array lie in the file: its state is (version, shape, type, whether in Fortran's order, bytes). */
function arrayBytes(
  value: PickleValue | undefined,
  file: Uint8Array,
): { start: number; length: number } | undefined {
  if (value === undefined || typeof value !== 'object' || value === null || !('state' in value))
    return undefined;
  const [, , , isFortran, bytes] = Array.isArray(value.state) ? value.state : [];
  if (isFortran === true || !(bytes instanceof Uint8Array)) return undefined;
  return { start: bytes.byteOffset - file.byteOffset, length: bytes.length };
}
