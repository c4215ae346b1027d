import { PRECISION } from './filters.js';
import type { Passes } from './resample-plane.js';

/** Rounds a fixed-point sum half up. */
const HALF = 1 << (PRECISION - 1);

/** The passes in TypeScript: the reference for the SIMD ones, and what is used where those can't be. */
export const plainPasses = {
  horizontal({ data: source, stride, origin }, { starts, counts, weights, taps }, top, height) {
    const width = starts.length;
    const data = new Uint8Array(height * width * 3);
    let to = 0;
    for (let y = 0; y < height; y++) {
      const row = origin + (top + y) * stride;
      for (let x = 0; x < width; x++, to += 3) {
        let r = HALF;
        let g = HALF;
        let b = HALF;
        let from = row + starts[x]! * 3;
        const first = x * taps;
        const end = first + counts[x]!;
        for (let k = first; k < end; k++, from += 3) {
          const w = weights[k]!;
          r = (r + Math.imul(source[from]!, w)) | 0;
          g = (g + Math.imul(source[from + 1]!, w)) | 0;
          b = (b + Math.imul(source[from + 2]!, w)) | 0;
        }
        data[to] = clip(r);
        data[to + 1] = clip(g);
        data[to + 2] = clip(b);
      }
    }
    return { data, stride: width * 3, origin: 0 };
  },

  vertical({ data: source, stride, origin }, { starts, counts, weights, taps }, left, width) {
    const bytes = width * 3;
    const height = starts.length;
    const data = new Uint8Array(height * bytes);
    // Row by row in memory order: several times faster than walking down each column.
    const sums = new Int32Array(bytes);
    for (let y = 0; y < height; y++) {
      sums.fill(HALF);
      for (let t = 0; t < counts[y]!; t++) {
        const w = weights[y * taps + t]!;
        const from = origin + (starts[y]! + t) * stride + left * 3;
        for (let i = 0; i < bytes; i++) sums[i] = sums[i]! + Math.imul(source[from + i]!, w);
      }
      const to = y * bytes;
      for (let i = 0; i < bytes; i++) data[to + i] = clip(sums[i]!);
    }
    return { data, stride: bytes, origin: 0 };
  },
} satisfies Passes;

function clip(sum: number): number {
  const value = sum >> PRECISION;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}
