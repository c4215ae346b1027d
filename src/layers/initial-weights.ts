import { sizeOf, type WeightSpec } from './spec/module-spec.js';

/** Gives the first values of a weight, in TF.js layout; `name` is its full checkpoint name. */
export type WeightSource = (name: string, spec: WeightSpec) => Float32Array;

/** Weights that are about to be overwritten: no random numbers are drawn. */
export const zeroWeights: WeightSource = (_name, spec) => new Float32Array(sizeOf(spec.shape));

/**
 * PyTorch's initial distributions, drawn from (seed, weight name): the same seed gives the same model, whatever else is built.
 */
export function randomWeights(seed: number): WeightSource {
  return (name, { shape, init }) => {
    const values = new Float32Array(sizeOf(shape));
    if (init.kind === 'constant') return values.fill(init.value);
    const uniform = uniformStream(hashText(name) ^ Math.imul(seed | 0, 0x9e3779b1));
    if (init.kind === 'uniform') {
      for (let i = 0; i < values.length; i++) values[i] = (2 * uniform() - 1) * init.bound;
    } else {
      fillTruncatedNormal(values, init.std, uniform);
    }
    return values;
  };
}

/** N(0, std²) cut at ±2, as timm's `trunc_normal_` (absolute bounds: far out of reach for the std of 0.02 used here). */
function fillTruncatedNormal(values: Float32Array, std: number, uniform: () => number): void {
  for (let i = 0; i < values.length;) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    const value = std * radius * Math.cos(angle);
    if (Math.abs(value) <= 2) values[i++] = value;
  }
}

/** FNV-1a over UTF-16 code units; names are ASCII. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash | 0;
}

/** Numbers in [0, 1) from a 32-bit state (mulberry32: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c). */
function uniformStream(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
