import type { TensorType } from '../../../models/state-dict.js';
import { CheckpointError } from '../../checkpoint-error.js';
import { TensorRef } from '../tensor-ref.js';
import type { MemoryBudget } from '../memory-budget.js';
import { ClassRef, ForeignObject, StorageRef, type PickleValue } from './values.js';

/** What a constructor may use. */
export interface Construction {
  readonly where: string;
  readonly budget: MemoryBudget;
  /** Names of the classes that became inert data. */
  readonly foreign: Set<string>;
  /** Asks the budget for what a copy costs: a pickle can name the same large list many times. */
  charge(bytes: number): void;
}

/** Bytes an element of an array, and an entry of a map or set, costs in memory, growing and copying included. */
export const SLOT_COST = 24;
export const ENTRY_COST = 120;

type Constructor = (args: readonly PickleValue[], context: Construction) => PickleValue;

function bad(context: Construction, message: string): never {
  throw new CheckpointError('corrupt', context.where, `bad pickle: ${message}`);
}

/** Element types of the storage classes of the module `torch` (and `torch.cuda`, from files saved on a GPU). */
const STORAGE_TYPES: Readonly<Record<string, TensorType>> = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
};

const TENSOR_TYPES = new Set<string>([...Object.values(STORAGE_TYPES), 'uint64', 'uint32', 'uint16']);

/** Other names of the same types, as `torch.float` for `torch.float32`. */
const TYPE_ALIASES: Readonly<Record<string, TensorType>> = {
  double: 'float64',
  float: 'float32',
  half: 'float16',
  long: 'int64',
  int: 'int32',
  short: 'int16',
};

/**
 * The element type that a storage class stands for: undefined for untyped bytes, the class name where the type is not read.
 */
export function storageType(storageClass: ClassRef): TensorRef['type'] | undefined {
  const { module, name } = storageClass;
  if (module === 'torch.storage' && (name === 'UntypedStorage' || name === '_UntypedStorage'))
    return undefined;
  const type = module === 'torch' || module === 'torch.cuda' ? STORAGE_TYPES[name] : undefined;
  return type ?? { unsupported: name };
}

function dtypeOf(value: PickleValue | undefined, context: Construction): TensorRef['type'] {
  if (!(value instanceof ClassRef) || value.module !== 'torch')
    return bad(context, 'a tensor without a type');
  if (TENSOR_TYPES.has(value.name)) return value.name as TensorType;
  return TYPE_ALIASES[value.name] ?? { unsupported: value.name };
}

/** A tensor from (storage, offset, shape, strides, …): the rest, gradients and hooks, is of no use here. */
function tensor(
  args: readonly PickleValue[],
  dtype: TensorRef['type'] | undefined,
  context: Construction,
): TensorRef {
  const [storage, offset, shape, strides] = args;
  if (!(storage instanceof StorageRef)) return bad(context, 'a tensor without a storage');
  if (typeof offset !== 'number' || !Array.isArray(shape) || !Array.isArray(strides))
    return bad(context, 'a tensor without offset, shape and strides');
  const type = dtype ?? storage.elementType;
  if (type === undefined) return bad(context, 'a tensor of untyped bytes');
  return new TensorRef(storage.storage, type, offset, shape as number[], strides as number[], context.budget);
}

const parameter: Constructor = ([value], context) =>
  value instanceof TensorRef ? value : bad(context, 'a parameter that is not a tensor');

const list: Constructor = ([items], context) => {
  if (items === undefined) return [];
  if (!Array.isArray(items)) return bad(context, 'a list made of something else');
  context.charge(SLOT_COST * items.length);
  return [...items];
};

/** Pairs of a dict's constructor; subclasses are called without any. */
const dict: Constructor = ([pairs], context) => {
  const map = new Map<PickleValue, PickleValue>();
  if (pairs === undefined) return map;
  if (!Array.isArray(pairs)) return bad(context, 'a dict made of something else');
  context.charge(ENTRY_COST * pairs.length);
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2) return bad(context, 'a dict made of something else');
    map.set(pair[0]!, pair[1]!);
  }
  return map;
};

const set: Constructor = ([items], context) => {
  if (items === undefined) return new Set();
  if (!Array.isArray(items)) return bad(context, 'a set made of something else');
  context.charge(ENTRY_COST * items.length);
  return new Set(items);
};

/** Bytes in protocol 2: text to be encoded as Latin-1. */
const encode: Constructor = ([text, encoding], context) => {
  if (typeof text !== 'string' || encoding !== 'latin1') return bad(context, 'bytes of an unknown encoding');
  context.charge(text.length);
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
};

/** A tensor with Python attributes, or of a subclass: what makes the tensor is itself a named function. */
const fromType: Constructor = ([func, , args], context) => {
  if (!(func instanceof ClassRef) || !Array.isArray(args))
    return bad(context, 'a tensor of an unknown subclass');
  // Only the plain functions: this one may not call itself, or a pickle could recurse.
  const plain = func.path.startsWith('torch._utils._rebuild_') ? CONSTRUCTORS.get(func.path) : undefined;
  return plain ? plain(args, context) : foreign(func, args, context);
};

/** Everything that is built. The names are compared, never looked up anywhere. */
const CONSTRUCTORS: ReadonlyMap<string, Constructor> = new Map<string, Constructor>([
  ['collections.OrderedDict', dict],
  ['collections.defaultdict', () => new Map()],
  ['torch._utils._rebuild_tensor', (args, context) => tensor(args, undefined, context)],
  ['torch._utils._rebuild_tensor_v2', (args, context) => tensor(args, undefined, context)],
  ['torch._utils._rebuild_tensor_v3', (args, context) => tensor(args, dtypeOf(args[6], context), context)],
  ['torch._utils._rebuild_parameter', parameter],
  ['torch._utils._rebuild_parameter_with_state', parameter],
  ['torch._tensor._rebuild_from_type_v2', fromType],
  ['torch.Size', list],
  ['torch.jit._pickle.build_intlist', list],
  ['torch.jit._pickle.build_doublelist', list],
  ['torch.jit._pickle.build_boollist', list],
  ['torch.jit._pickle.build_tensorlist', list],
  [
    'torch.jit._pickle.restore_type_tag',
    ([value], context) => value ?? bad(context, 'a type tag without a value'),
  ],
  ['_codecs.encode', encode],
  ['builtins.set', set],
  ['__builtin__.set', set],
]);

function foreign({ path }: ClassRef, args: readonly PickleValue[], context: Construction): ForeignObject {
  context.foreign.add(path);
  return new ForeignObject(path, args);
}

/** The value a pickled call stands for: one of the few that tensors need, or inert data that says what it was. */
export function construct(
  callable: PickleValue,
  args: readonly PickleValue[],
  context: Construction,
): PickleValue {
  if (callable instanceof ClassRef) {
    const known = CONSTRUCTORS.get(callable.path);
    return known ? known(args, context) : foreign(callable, args, context);
  }
  // A bound or computed function (functools.partial, getattr, …): its own description comes along as an argument.
  if (callable instanceof ForeignObject)
    return foreign(new ClassRef('', `${callable.className}()`), [callable, ...args], context);
  return bad(context, 'a call of something that is no function');
}
