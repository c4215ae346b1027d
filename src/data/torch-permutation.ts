/**
 * PyTorch's `torch.randperm(n)` on a CPU after `manual_seed(seed)`: MT19937 (Matsumoto and Nishimura 1998, `init_genrand`), and a shuffle from the front with
 * `next() mod (n - i)`.
 *
 * @param n up to 214,748,364: from there on PyTorch draws 64 bits
 * @param seed 0 … 2^32 - 1
 */
export function torchPermutation(n: number, seed: number): Int32Array {
  const next = mersenneTwister(seed);
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = 0; i < n - 1; i++) {
    const j = i + (next() % (n - i));
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
  return order;
}

const SIZE = 624;
const MIDDLE = 397;

/** Gives one 32-bit number a call. */
function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(SIZE);
  state[0] = seed;
  for (let i = 1; i < SIZE; i++) {
    const last = state[i - 1]!;
    state[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i;
  }
  let used = SIZE;
  return () => {
    if (used === SIZE) {
      for (let i = 0; i < SIZE; i++) {
        const bits = (state[i]! & 0x80000000) | (state[(i + 1) % SIZE]! & 0x7fffffff);
        state[i] = state[(i + MIDDLE) % SIZE]! ^ (bits >>> 1) ^ (bits & 1 ? 0x9908b0df : 0);
      }
      used = 0;
    }
    let word = state[used++]!;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  };
}
