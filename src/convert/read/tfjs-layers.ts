import { sizeOf } from '../../layers/spec/module-spec.js';
import type { HostTensor, StateDict, TensorType } from '../../models/state-dict.js';
import { CheckpointError } from '../checkpoint-error.js';
import type { SourceFolder } from '../source/byte-source.js';
import { ELEMENT_SIZE, rawElements, widen } from '../tensor-type.js';
import { checkFileName, openAll } from './file-names.js';
import { isCount, isRecord } from './json.js';
import { MemoryBudget } from './memory-budget.js';

/** Types that a weights manifest of TF.js knows and that hold numbers. */
const TYPES: Readonly<Record<string, TensorType>> = { float32: 'float32', int32: 'int32', bool: 'bool' };

interface Quantization {
  readonly type: 'uint8' | 'uint16' | 'float16';
  /** value = stored × scale + min; float16 has neither. */
  readonly scale: number;
  readonly min: number;
}

interface Weight {
  readonly name: string;
  readonly shape: number[];
  readonly type: TensorType;
  readonly quantization: Quantization | undefined;
  /** Bytes it takes in the shards. */
  readonly bytes: number;
}

interface Group {
  readonly paths: string[];
  readonly weights: Weight[];
}

function parseQuantization(value: unknown, type: TensorType, where: string): Quantization | undefined {
  if (value === undefined) return undefined;
  const { dtype, scale = 1, min = 0 } = isRecord(value) ? value : {};
  const affine = dtype === 'uint8' || dtype === 'uint16';
  if (!affine && dtype !== 'float16')
    throw new CheckpointError('unsupported', where, `quantised as ${JSON.stringify(dtype)}`);
  const valid =
    Number.isFinite(scale) &&
    Number.isFinite(min) &&
    (!affine || ('scale' in (value as object) && 'min' in (value as object)));
  if (!valid || type === 'bool' || (dtype === 'float16' && type !== 'float32'))
    throw new CheckpointError('corrupt', where, 'an impossible quantisation');
  return { type: dtype, scale: scale as number, min: min as number };
}

function parseWeight(value: unknown, where: string): Weight {
  const { name, shape, dtype, quantization } = isRecord(value) ? value : {};
  if (typeof name !== 'string' || name === '')
    throw new CheckpointError('corrupt', where, 'a weight without a name');
  const at = `${where}: ${name}`;
  if (!Array.isArray(shape) || !shape.every(isCount))
    throw new CheckpointError('corrupt', at, 'its shape is no list of whole numbers');
  const type = typeof dtype === 'string' && Object.hasOwn(TYPES, dtype) ? TYPES[dtype] : undefined;
  if (type === undefined)
    throw new CheckpointError('unsupported', at, `elements of type ${String(dtype)} are not read`);
  const quantized = parseQuantization(quantization, type, at);
  const bytes = sizeOf(shape) * ELEMENT_SIZE[quantized?.type ?? type];
  if (!Number.isSafeInteger(bytes))
    throw new CheckpointError('corrupt', at, `impossible shape [${shape.join(', ')}]`);
  return { name, shape, type, quantization: quantized, bytes };
}

function parseManifest(model: unknown, where: string): Group[] {
  const manifest = isRecord(model) ? model['weightsManifest'] : undefined;
  if (isRecord(model) && model['format'] === 'graph-model')
    throw new CheckpointError(
      'unsupported',
      where,
      'a TF.js graph model: its weights are constants of a graph and no longer carry the names of the model. Give the checkpoint it was made from.',
    );
  if (!Array.isArray(manifest) || manifest.length === 0)
    throw new CheckpointError('corrupt', where, 'a model.json without a weights manifest');
  return manifest.map((group: unknown): Group => {
    const { paths, weights } = isRecord(group) ? group : {};
    if (!Array.isArray(paths) || !Array.isArray(weights))
      throw new CheckpointError('corrupt', where, 'a group of its weights manifest lacks paths or weights');
    return {
      paths: paths.map((path) => checkFileName(path, where)),
      weights: weights.map((weight) => parseWeight(weight, where)),
    };
  });
}

function decode(bytes: Uint8Array, { shape, type, quantization }: Weight): HostTensor {
  if (!quantization) {
    const own = bytes.slice();
    return { shape, data: rawElements(own, type), type };
  }
  if (quantization.type === 'float16')
    return { shape, data: widen(rawElements(bytes, 'float16'), 'float16'), type: 'float16' };
  const stored = rawElements(bytes, quantization.type);
  const { scale, min } = quantization;
  const data = type === 'int32' ? new Int32Array(stored.length) : new Float32Array(stored.length);
  // As TF.js decodes: in double, rounded once.
  for (let i = 0; i < data.length; i++) {
    const value = (stored[i] as number) * scale + min;
    data[i] = type === 'int32' ? Math.round(value) : value;
  }
  return { shape, data, type };
}

/** Reads the named weights of a TF.js LayersModel as they are stored: TF.js's own layout, names of the checkpoint. */
export async function readTfjsLayers(
  model: unknown,
  folder: SourceFolder,
  where: string,
): Promise<StateDict> {
  const groups = parseManifest(model, where);
  const files = groups.flatMap((group) => group.paths);
  if (new Set(files).size !== files.length)
    throw new CheckpointError('corrupt', where, 'lists a weight file twice');
  const sources = await openAll(folder, files, where);
  const total = [...sources.values()].reduce((sum, source) => sum + source.size, 0);
  // One byte quantised becomes four; the shards of a group are read together.
  const budget = new MemoryBudget(where, total, 6);
  const tensors: StateDict = new Map();
  for (const { paths, weights } of groups) {
    const shards = paths.map((path) => sources.get(path)!);
    const size = shards.reduce((sum, shard) => sum + shard.size, 0);
    const needed = weights.reduce((sum, weight) => sum + weight.bytes, 0);
    if (size !== needed)
      throw new CheckpointError(
        size < needed ? 'truncated' : 'corrupt',
        where,
        `the weights of ${paths.join(', ')} take ${needed} bytes; the files have ${size}`,
      );
    budget.take(size, 'its weight files');
    const bytes = new Uint8Array(size);
    let filled = 0;
    for (const shard of shards) {
      bytes.set(await shard.read(0, shard.size), filled);
      filled += shard.size;
    }
    let position = 0;
    for (const weight of weights) {
      if (tensors.has(weight.name))
        throw new CheckpointError('corrupt', `${where}: ${weight.name}`, 'listed twice');
      budget.take(
        (weight.bytes / ELEMENT_SIZE[weight.quantization?.type ?? weight.type]) * 4 + 256,
        weight.name,
      );
      tensors.set(weight.name, decode(bytes.subarray(position, position + weight.bytes), weight));
      position += weight.bytes;
    }
    budget.release(size);
  }
  return tensors;
}
