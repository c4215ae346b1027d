import { sizeOf } from '../../layers/spec/module-spec.js';
import type { HostTensor, StateDict, TensorType } from '../../models/state-dict.js';
import { UserError } from '../../errors.js';
import { typeOf } from '../tensor-type.js';
import { tensorBytes, type EncodedFile } from './encoded.js';

const NAMES: Readonly<Record<TensorType, string>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
};

/** The type to write: what the array holds. Booleans and the 16-bit floats share theirs with whole numbers. */
export function storedType({ data, type }: HostTensor): TensorType {
  const held = typeOf(data);
  if (held === 'uint8' && type === 'bool') return 'bool';
  return held === 'uint16' && (type === 'float16' || type === 'bfloat16') ? type : held;
}

/** Every tensor's values must fill its shape. */
export function checkShape(name: string, { shape, data }: HostTensor): void {
  const needed = sizeOf(shape);
  if (needed !== data.length)
    throw new UserError(`${name}: shape [${shape.join(', ')}] needs ${needed} values, found ${data.length}.`);
}

/**
 * Tensors as a safetensors file (https://huggingface.co/docs/safetensors). Names keep their order in the header; the data
 * stands largest elements first, so that every tensor is aligned to its own elements.
 *
 * @param metadata text fields for `__metadata__`; timm and transformers expect `format: 'pt'`
 */
export function encodeSafetensors(
  tensors: StateDict,
  metadata: Readonly<Record<string, string>> = {},
): EncodedFile {
  const entries = [...tensors];
  const inFile = [...entries].sort(([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT);
  const offsets = new Map<string, [number, number]>();
  let position = 0;
  for (const [name, tensor] of inFile) {
    checkShape(name, tensor);
    offsets.set(name, [position, position + tensor.data.byteLength]);
    position += tensor.data.byteLength;
  }
  // As text, not as an object: object keys that look like numbers would lose their order.
  const fields = entries.map(([name, tensor]) => {
    if (name === '__metadata__')
      throw new UserError('A tensor named __metadata__ cannot be written as safetensors.');
    const description = {
      dtype: NAMES[storedType(tensor)],
      shape: tensor.shape,
      data_offsets: offsets.get(name),
    };
    return `${JSON.stringify(name)}:${JSON.stringify(description)}`;
  });
  if (Object.keys(metadata).length > 0) fields.unshift(`"__metadata__":${JSON.stringify(metadata)}`);
  const json = new TextEncoder().encode(`{${fields.join(',')}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(8 + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(json, 8);
  return {
    size: head.length + position,
    *chunks() {
      yield head;
      for (const [, tensor] of inFile) yield tensorBytes(tensor);
    },
  };
}
