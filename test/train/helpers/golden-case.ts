import type * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { toTorch } from '../../../src/layers/weight-layout.js';
import type { RecNext } from '../../../src/models/index.js';
import { GOLDEN } from '../../helpers/golden.js';
import { sampleIndices } from '../../helpers/synthetic.js';

/** One tensor of the reference: its norm and eight of its values, and how far float32 strays from float64 in each. */
interface Entry {
  l2: number;
  v: number[];
  dev: number;
  dev2: number;
}
export type Entries = Record<string, Entry>;

export interface Case {
  variant: string;
  image_side: number;
  loss: 'hard' | 'none';
  input_key: string;
  outputs: { name: string; float64: number[][] }[];
  losses: Record<string, { float64: number }>;
  zero_gradient: string[];
  gradients: Entries;
  gradients_soft_tau3_l2?: Record<string, number>;
  buffers_after_forward: Entries;
  clipped_gradients_step0: Entries;
  steps: { loss_float64: number[] };
  parameters_after_1: Entries;
  parameters_after_10: Entries;
  buffers_after_10: Entries;
  'ema_0.99_after_10': Entries;
  'ema_0.99996_after_10': Entries;
  eval_logits_after_10: {
    float64: number[][];
    dev_float32: number;
    ema: Record<string, { float64: number[][] }>;
  };
}

export interface Common {
  soft_targets: number[][];
  teacher_logits: number[][];
  alpha: number;
  lr: number;
  weight_decay: number;
  betas: [number, number];
  eps: number;
  clip_factor: number;
}

export function read<T>(file: string): T {
  return JSON.parse(readFileSync(`${GOLDEN}training/${file}.json`, 'utf8')) as T;
}

/** Golden README: how far gradients, and parameters after steps, may be off, relative to norm / largest magnitude. */
export const GRADIENT = { norm: 1e-4, samples: 1e-4 };
export const STATE = { norm: 1e-4, samples: 1e-3 };

/** Compares tensors with the reference's entries; gives the entries that are off, and how many samples strayed. */
export function compare(
  found: (name: string) => Float32Array | undefined,
  entries: Entries,
  limit: { norm: number; samples: number },
): { off: string[]; strays: { name: string; by: number }[]; samples: number } {
  const off: string[] = [];
  const strays: { name: string; by: number }[] = [];
  let samples = 0;
  for (const [name, { l2, v, dev, dev2 }] of Object.entries(entries)) {
    // Integers: the average of a counter truncates in the reference and influences nothing.
    if (name.endsWith('num_batches_tracked')) continue;
    const values = found(name);
    if (values === undefined) {
      off.push(`${name}: not there`);
      continue;
    }
    const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    let strayed = 0;
    sampleIndices(values.length, 8).forEach((index, k) => {
      samples++;
      const by = Math.abs(values[index]! - v[k]!);
      if (by > Math.max(limit.samples, 20 * dev) * largest) {
        strays.push({ name: `${name}[${index}]`, by });
        strayed += by;
      }
    });
    // A norm cannot be off by less than the samples that strayed move it (triangle inequality).
    const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    if (Math.abs(norm - l2) > Math.max(limit.norm, 20 * dev2) * l2 + strayed) {
      off.push(`${name}: norm ${norm}, expected ${l2}`);
    }
  }
  return { off, strays, samples };
}

export function torchTensors(
  model: RecNext,
  tensors: tf.NamedTensorMap,
): (name: string) => Float32Array | undefined {
  return (name) => {
    const tensor = tensors[name];
    return tensor && toTorch(model.parameterSpecs.get(name)!, tensor.dataSync<'float32'>());
  };
}

export function stateOf(model: RecNext): (name: string) => Float32Array | undefined {
  const state = model.stateDict();
  return (name) => state.get(name)?.data as Float32Array | undefined;
}
