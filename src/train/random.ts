import * as tf from '@tensorflow/tfjs';

/** Where in a run a random choice is made. */
export interface RandomAddress {
  readonly seed: number;
  readonly epoch: number;
  readonly step: number;
}

/**
 * Uniform numbers for the stochastic depth and dropout of one step, drawn from (seed, epoch, step, module): not from what was drawn before, so that a
 * resumed run draws what the uninterrupted one did.
 *
 * @returns the `uniform` of ForwardContext: `count` numbers in [0, 1) as `[count]`
 */
export function uniformAt({
  seed,
  epoch,
  step,
}: RandomAddress): (path: string, count: number) => tf.Tensor1D {
  return (path, count) => {
    const start = hash(`${seed}/${epoch}/${step}/${path}`);
    return tf.tensor1d(Float32Array.from({ length: count }, (_, i) => uniform(start, i)));
  };
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h | 0;
}

/** The i-th output of mulberry32, in [0, 1). */
function uniform(seed: number, i: number): number {
  const a = (seed + Math.imul(i + 1, 0x6d2b79f5)) | 0;
  let t = Math.imul(a ^ (a >>> 15), a | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  // 24 bits: what float32 holds exactly, so that no number rounds up to 1.
  return ((t ^ (t >>> 14)) >>> 8) / 2 ** 24;
}
