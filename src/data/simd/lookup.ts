import type { Simd } from './instance.js';

/** How often each byte comes in each channel of RGB bytes, `[3, 256]`; undefined: too large for the module's memory. */
export function countBytes(simd: Simd, data: Uint8Array): Uint32Array | undefined {
  const places = simd.layOut([3072, data.length], 16);
  if (places === undefined) return undefined;
  const { bytes, addresses } = places;
  const [counts, source] = addresses as [number, number];
  bytes.fill(0, counts, counts + 3072);
  bytes.set(data, source);
  simd.functions.histogram(source, data.length, counts);
  return new Uint32Array(bytes.buffer.slice(counts, counts + 3072));
}

/** Every byte replaced by what its channel's table says, `[3, 256]`; undefined: too large for the module's memory. */
export function lookUp(simd: Simd, data: Uint8Array, tables: Uint8Array): Uint8Array | undefined {
  const places = simd.layOut([768, data.length], 16);
  if (places === undefined) return undefined;
  const { bytes, addresses } = places;
  const [table, pixels] = addresses as [number, number];
  bytes.set(tables, table);
  bytes.set(data, pixels);
  simd.functions.lookup(pixels, data.length, table);
  return bytes.slice(pixels, pixels + data.length);
}
