import { didYouMean } from '../../suggest.js';
import { CheckpointError, printable } from '../checkpoint-error.js';
import { pickledModuleTensors, scriptedTensors, type NamedTensors } from './module-tensors.js';
import { ForeignObject, type PickleValue } from './pickle/values.js';
import { TensorRef } from './tensor-ref.js';

/** Which weights of a file that holds several: the trained ones, their moving average, or the ones under a key. */
export type Which = 'model' | 'ema' | (string & {});

const MODEL_KEYS = ['model', 'state_dict', 'model_state_dict'];
const EMA_KEYS = ['model_ema', 'state_dict_ema', 'ema'];
/** Keys under which a container holds the weights one level further down. */
const INNER_KEYS = ['module', ...MODEL_KEYS];
const MAX_LEVELS = 3;

export interface Selection {
  readonly named: NamedTensors;
  /** Everything else in the file. */
  readonly extras: Map<string, PickleValue>;
  readonly notes: string[];
}

interface Found {
  readonly path: string;
  readonly named: NamedTensors;
  /** Entries of the state dict that are no tensors. */
  readonly skipped: string[];
}

const isDict = (value: PickleValue | undefined): value is Map<PickleValue, PickleValue> =>
  value instanceof Map;

/** A dict of tensors by name, or a module; undefined for everything else. */
function asWeights(value: PickleValue, path: string, where: string): Found | undefined {
  const module = scriptedTensors(value) ?? pickledModuleTensors(value);
  if (module) return { path, named: module, skipped: [] };
  if (!isDict(value)) return undefined;
  const named: NamedTensors = [];
  const skipped: string[] = [];
  for (const [name, entry] of value) {
    if (typeof name !== 'string') return undefined;
    if (entry instanceof TensorRef) named.push([name, entry]);
    else if (entry instanceof ForeignObject && entry.className.startsWith('torch._utils._rebuild_'))
      throw new CheckpointError(
        'unsupported',
        `${where}: ${name}`,
        `a special tensor (${entry.className}); sparse and quantised tensors are not read`,
      );
    else skipped.push(name);
  }
  return named.length > 0 ? { path, named, skipped } : undefined;
}

/** The weights in `value`, or in the one place further down where wrappers keep them. */
function unwrap(value: PickleValue | undefined, path: string, where: string, level = 0): Found | undefined {
  if (value === undefined || level >= MAX_LEVELS) return undefined;
  if (isDict(value))
    for (const key of INNER_KEYS) {
      const inner = value.get(key);
      const found =
        inner instanceof TensorRef ? undefined : unwrap(inner, `${path}.${key}`, where, level + 1);
      if (found) return found;
    }
  return asWeights(value, path, where);
}

function findUnder(root: PickleValue, keys: readonly string[], where: string): Found | undefined {
  if (!isDict(root)) return undefined;
  for (const key of keys) {
    const found = unwrap(root.get(key), key, where);
    if (found) return found;
  }
  return undefined;
}

/** Top-level keys under which there are weights. */
function weightKeys(root: PickleValue, where: string): string[] {
  if (!isDict(root)) return [];
  return [...root.keys()].filter(
    (key): key is string => typeof key === 'string' && unwrap(root.get(key), key, where) !== undefined,
  );
}

function noWeights(root: PickleValue, where: string): CheckpointError {
  const keys = isDict(root) ? [...root.keys()].slice(0, 12).map((key) => JSON.stringify(key)) : [];
  const holds = keys.length > 0 ? `its top level has ${keys.join(', ')}` : 'it is no dictionary';
  return new CheckpointError(
    'no-weights',
    where,
    `no named tensors found: ${holds}. Save a state_dict: torch.save({"model": model.state_dict()}, …).`,
  );
}

function findByName(root: PickleValue, which: Which, where: string): Found {
  if (which === 'ema') {
    const found = findUnder(root, EMA_KEYS, where);
    if (found) return found;
  }
  const [first = '', ...rest] = which.split('.');
  let value = isDict(root) ? root.get(first) : undefined;
  for (const key of rest) value = isDict(value) ? value.get(key) : undefined;
  const found = unwrap(value, which, where);
  if (found) return found;
  const known = weightKeys(root, where);
  const has = known.length > 0 ? known.join(', ') : 'one unnamed set of weights';
  const hint = didYouMean(which, ['model', 'ema', ...known]);
  throw new CheckpointError('no-weights', where, `has no weights called "${which}"; it has ${has}.${hint}`);
}

function findModel(root: PickleValue, where: string): Found {
  const found = findUnder(root, MODEL_KEYS, where) ?? asWeights(root, '', where);
  if (found) return found;
  const [only, ...others] = weightKeys(root, where);
  if (only === undefined) throw noWeights(root, where);
  if (others.length === 0 || EMA_KEYS.includes(only)) return findByName(root, only, where);
  throw new CheckpointError(
    'no-weights',
    where,
    `holds several sets of weights (${[only, ...others].join(', ')}) and none called "model": say which (--which ${only})`,
  );
}

const list = (names: readonly string[], most = 3): string =>
  names.slice(0, most).join(', ') + (names.length > most ? ` and ${names.length - most} more` : '');

/** Chooses the weights in an unpickled file, and says which. */
export function selectWeights(root: PickleValue, which: Which | undefined, where: string): Selection {
  const chosen =
    which === undefined || which === 'model' ? findModel(root, where) : findByName(root, which, where);
  if (chosen.named.length === 0)
    throw new CheckpointError(
      'no-weights',
      where,
      'a scripted module without parameters: frozen or optimised archives keep their weights as unnamed constants. Convert the unfrozen model.',
    );
  const notes: string[] = [];
  const extras = new Map<string, PickleValue>();
  if (isDict(root) && chosen.path !== '') {
    const [top] = chosen.path.split('.');
    for (const [key, value] of root) if (key !== top) extras.set(String(key), value);
    const others = weightKeys(root, where).filter((key) => key !== top);
    const also = others.length > 0 ? `; also in the file: ${others.join(', ')}` : '';
    notes.push(`weights taken from "${chosen.path}" (${chosen.named.length} tensors)${also}`);
  }
  if (chosen.skipped.length > 0) notes.push(`skipped entries that are no tensors: ${list(chosen.skipped)}`);
  return { named: chosen.named, extras, notes: notes.map(printable) };
}
