import type { HostTensor } from '../../models/state-dict.js';

/** A file about to be written: its size, and its bytes in order, made as they are asked for. */
export interface EncodedFile {
  readonly size: number;
  readonly chunks: () => Iterable<Uint8Array>;
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The tensor's values as little-endian bytes, which is what every format here stores. */
export function tensorBytes({ data }: HostTensor): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const size = data.BYTES_PER_ELEMENT;
  if (LITTLE_ENDIAN || size === 1) return bytes;
  const swapped = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i += size)
    for (let b = 0; b < size; b++) swapped[i + b] = bytes[i + size - 1 - b]!;
  return swapped;
}
