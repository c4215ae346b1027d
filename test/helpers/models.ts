import * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { namedWeights } from '../../src/layers/spec/module-spec.js';
import { RecNext, type RecNextOptions, type SpecModel } from '../../src/models/index.js';
import { resolveRecNext } from '../../src/models/recnext-config.js';
import { zeroWeights } from '../../src/layers/initial-weights.js';
import { GOLDEN } from './golden.js';
import { syntheticInput, syntheticStateDict } from './synthetic.js';

/** A model with the deterministic weights of the reference numbers. */
export function synthetic<M extends SpecModel>(model: M): M {
  model.loadStateDict(syntheticStateDict(namedWeights(model.spec).map(([name, { shape }]) => [name, shape])));
  return model;
}

export function syntheticRecNext(name: string, options: RecNextOptions = {}): RecNext {
  return synthetic(new RecNext(resolveRecNext(name, options), zeroWeights));
}

/** A deterministic input, `[n, c, h, w]` in the reference, as the NHWC tensor models take. */
export function nhwc(key: string, shape: readonly [number, number, number, number]): tf.Tensor4D {
  return tf.tidy(() => tf.transpose(tf.tensor4d(syntheticInput(key, shape), [...shape]), [0, 2, 3, 1]));
}

/** float32 tensors of a safetensors file of the reference numbers. */
export function readGoldenTensors(file: string): Record<string, Float32Array> {
  const bytes = readFileSync(GOLDEN + file);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength)) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  const tensors: Record<string, Float32Array> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (entry.dtype !== 'F32') continue;
    const [begin, end] = entry.data_offsets.map((offset) => 8 + headerLength + offset) as [number, number];
    tensors[name] = new Float32Array(Uint8Array.from(bytes.subarray(begin, end)).buffer);
  }
  return tensors;
}

export function maxAbs(values: Float32Array): number {
  return values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
}

export function maxAbsDiff(a: Float32Array, b: Float32Array): number {
  return a.reduce((max, value, i) => Math.max(max, Math.abs(value - b[i]!)), 0);
}
