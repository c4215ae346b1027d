import { fnv1a32 } from '../../fnv1a.js';
import type { HostTensor, StateDict } from '../../models/state-dict.js';

/**
 * The deterministic weights and inputs of the reference numbers (golden README, section 2): a counter-based generator,
 * so that no trained checkpoint is needed to compare two implementations.
 */

/** The i-th output (i = 0, 1, 2, …) of mulberry32 seeded with `seed`, as an unsigned 32-bit integer. */
export function u32(seed: number, i: number): number {
  const a = (seed + Math.imul(i + 1, 0x6d2b79f5)) | 0;
  let t = Math.imul(a ^ (a >>> 15), a | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return (t ^ (t >>> 14)) >>> 0;
}

/** `scale * u(key, i) + shift` for i = 0 … n-1 with u in [-1, 1): computed in double, rounded once to float32. */
function affineUniform(key: string, n: number, scale: number, shift: number): Float32Array {
  const out = new Float32Array(n);
  // The loop of u32() with its counter kept as a running sum: this fills 25 million weights in a fraction of a second.
  let a = fnv1a32(key) | 0;
  for (let i = 0; i < n; i++) {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    out[i] = shift + scale * (((t ^ (t >>> 14)) >>> 0) / 2147483648 - 1);
  }
  return out;
}

/** `u(key, i)` for i = 0 … n-1, in double. */
export function uniform(key: string, n: number): Float64Array {
  const seed = fnv1a32(key);
  return Float64Array.from({ length: n }, (_, i) => u32(seed, i) / 2147483648 - 1);
}

/** Norms whose gain is small, so that stacks of 50 residual blocks stay in range. */
const SMALL_GAIN = /(channel_mixer\.2\.norm|rep_mixer\.(lk|sk)\.norm|conv3\.bn)\.weight$/;

const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Values of the floating entry `name` (its full `state_dict` name) in PyTorch's layout, C order. */
export function syntheticWeight(name: string, shape: readonly number[]): Float32Array {
  const n = elements(shape);
  const leaf = name.slice(name.lastIndexOf('.') + 1);
  if (leaf === 'running_mean' || leaf === 'bias') return affineUniform(name, n, 0.1, 0);
  if (leaf === 'running_var') return affineUniform(name, n, 0.25, 1);
  if (shape.length > 1) return affineUniform(name, n, Math.sqrt(3 / elements(shape.slice(1))), 0);
  const gain = SMALL_GAIN.test(name) ? 0.3 : 1;
  const values = uniform(name, n);
  return Float32Array.from(values, (u) => gain * (1 + 0.1 * u));
}

/** Named tensors for a layout as `golden/models/*.json` lists it: unfused names only, `num_batches_tracked` is int64 0. */
export function syntheticStateDict(layout: readonly (readonly [string, readonly number[]])[]): StateDict {
  return new Map(
    layout.map(([name, shape]): [string, HostTensor] => [
      name,
      {
        shape,
        data: name.endsWith('.num_batches_tracked') ? new BigInt64Array(1) : syntheticWeight(name, shape),
      },
    ]),
  );
}

/** The input `key` of shape [n, c, h, w], NCHW: noise on each pixel, on each 32 × 32 block and on each channel. */
export function syntheticInput(
  key: string,
  [n, c, h, w]: readonly [number, number, number, number],
): Float32Array {
  const rows = (h + 31) >> 5;
  const columns = (w + 31) >> 5;
  const fine = fnv1a32(key);
  const coarse = uniform(`${key}/coarse`, n * c * rows * columns);
  const offset = uniform(`${key}/offset`, n * c);
  const out = new Float32Array(n * c * h * w);
  for (let plane = 0, i = 0; plane < n * c; plane++)
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++, i++) {
        const block = (plane * rows + (y >> 5)) * columns + (x >> 5);
        out[i] = 0.5 * (u32(fine, i) / 2147483648 - 1) + coarse[block]! + offset[plane]!;
      }
  return out;
}

/** Flat indices at which a tensor of n elements is sampled with k samples: all of them, or k evenly spread. */
export function sampleIndices(n: number, k: number): number[] {
  if (n <= k) return Array.from({ length: n }, (_, i) => i);
  return Array.from({ length: k }, (_, i) => Math.floor((i * (n - 1)) / (k - 1)));
}
