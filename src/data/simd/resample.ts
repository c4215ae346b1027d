import type { Coefficients } from '../filters.js';
import type { Passes, Plane } from '../resample-plane.js';
import type { Simd } from './instance.js';

/** The passes in WebAssembly SIMD: bit for bit those in TypeScript, several times faster. */
export function simdPasses(module: Simd): Passes {
  const { functions } = module;
  return {
    horizontal(plane, columns, top, height) {
      const width = columns.starts.length;
      const stride = width * 3;
      const data = module.compute(height * stride, (target) => {
        const [left, right] = extent(columns);
        const taps = evenTaps(columns);
        const { address, rowBytes } = place(module, plane, left, top, right - left, height, taps * 3);
        const starts = placeStarts(module, columns, left, 3);
        const weights = placeWeights(module, columns, taps);
        functions.horizontal(address, rowBytes, height, starts, weights, taps, width, target, stride);
      });
      return data && { data, stride, origin: 0 };
    },

    vertical(plane, rows, left, width) {
      const height = rows.starts.length;
      const stride = width * 3;
      const data = module.compute(height * stride, (target) => {
        const [top, bottom] = extent(rows);
        const taps = evenTaps(rows);
        const { address, rowBytes } = place(module, plane, left, top, width, bottom - top, stride);
        const starts = placeStarts(module, rows, top, rowBytes);
        const weights = placeWeights(module, rows, taps);
        functions.vertical(address, rowBytes, stride, starts, weights, taps, height, target);
      });
      return data && { data, stride, origin: 0 };
    },
  };
}

/** The first input that is read, and the one after the last. */
function extent({ starts, counts }: Coefficients): [start: number, end: number] {
  const last = starts.length - 1;
  return [starts[0]!, starts[last]! + counts[last]!];
}

/** As many taps as the output with most of them has, and one more where that is odd. */
function evenTaps({ counts }: Coefficients): number {
  let most = 0;
  for (let i = 0; i < counts.length; i++) if (counts[i]! > most) most = counts[i]!;
  return most + (most & 1);
}

/** Where the taps of each output begin, in bytes from the first input that is read. */
function placeStarts(module: Simd, { starts }: Coefficients, first: number, step: number): number {
  const address = module.take(starts.length * 4);
  const target = new Int32Array(module.bytes.buffer, address, starts.length);
  for (let i = 0; i < starts.length; i++) target[i] = (starts[i]! - first) * step;
  return address;
}

/** The coefficients in halves of 15 bits and the rest, of every two taps the lower ones, then the upper ones; zeros behind the last. */
function placeWeights(module: Simd, { starts, counts, weights, taps }: Coefficients, even: number): number {
  const length = starts.length * even * 2;
  const address = module.take(length * 2);
  const target = new Int16Array(module.bytes.buffer, address, length).fill(0);
  for (let i = 0; i < starts.length; i++) {
    const count = counts[i]!;
    for (let t = 0; t < count; t++) {
      const weight = weights[i * taps + t]!;
      const at = i * even * 2 + t * 2 - (t & 1);
      target[at] = weight & 0x7fff;
      target[at + 2] = weight >> 15;
    }
  }
  return address;
}

/**
 * Where the part of a plane begins in the memory: in its place if the plane lies there, or its rows one after the other.
 * @param beyond bytes that are read behind the last pixel, times zero
 */
function place(
  module: Simd,
  { data, stride, origin }: Plane,
  left: number,
  top: number,
  width: number,
  height: number,
  beyond: number,
): { address: number; rowBytes: number } {
  const first = origin + top * stride + left * 3;
  if (module.holds(data)) {
    const address = data.byteOffset + first;
    module.check(address, height * stride + beyond);
    return { address, rowBytes: stride };
  }
  const rowBytes = width * 3;
  const address = module.take(height * rowBytes, beyond + 16);
  for (let y = 0; y < height; y++) {
    const from = first + y * stride;
    module.bytes.set(data.subarray(from, from + rowBytes), address + y * rowBytes);
  }
  return { address, rowBytes };
}
