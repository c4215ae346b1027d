import type * as tf from '@tensorflow/tfjs';
import { halfPrecision } from './half-precision.js';

export const QUANTIZATIONS = ['float16', 'uint8', 'uint16'] as const;
export type Quantization = (typeof QUANTIZATIONS)[number];

export interface StoredWeight {
  readonly spec: tf.io.WeightsManifestEntry;
  readonly data: Uint8Array;
}

/**
 * A weight as a TF.js weights manifest stores it in fewer bytes; `tf.loadLayersModel` widens it again. Vectors (biases,
 * norms) stay as they are under uint8 and uint16: they are few, and every output depends on them.
 */
export function quantize(
  { name, shape }: tf.io.WeightsManifestEntry,
  values: Float32Array,
  to: Quantization,
): StoredWeight {
  const plain = { name, shape, dtype: 'float32' as const };
  if (to === 'float16') {
    const data = new Uint8Array(halfPrecision(name, values, 'float16').buffer);
    return { spec: { ...plain, quantization: { dtype: 'float16' } }, data };
  }
  if (shape.length < 2) return { spec: plain, data: new Uint8Array(values.slice().buffer) };
  const levels = to === 'uint8' ? 255 : 65535;
  const { scale, min } = affineRange(values, levels);
  const stored = to === 'uint8' ? new Uint8Array(values.length) : new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) stored[i] = Math.round((values[i]! - min) / scale);
  return {
    spec: { ...plain, quantization: { dtype: to, scale, min } },
    data: new Uint8Array(stored.buffer),
  };
}

/** value = stored · scale + min, moved so that zero is stored exactly. */
function affineRange(values: Float32Array, levels: number): { scale: number; min: number } {
  let [min, max] = [Infinity, -Infinity];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  // All the same: any scale does, and zero would be none.
  if (min === max) return { scale: 1, min };
  const scale = (max - min) / levels;
  return { scale, min: min <= 0 && max >= 0 ? -Math.round(-min / scale) * scale : min };
}
