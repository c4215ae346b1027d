import type { Coefficients } from '../filters.js';
import type { Passes, Plane } from '../resample-plane.js';
import type { Simd } from './instance.js';

/** A vector's width: what loads and stores may reach too far. */
const VECTOR = 16;

/** The passes in WebAssembly SIMD: bit for bit those in TypeScript, several times faster. */
export function simdPasses(simd: Simd): Passes {
  return {
    horizontal(plane, columns, top, height) {
      const { starts, counts } = columns;
      const width = starts.length;
      const [left, right] = extent(columns);
      const taps = roundUp(largest(counts), 4);
      const stride = (right - left) * 3;
      const places = simd.layOut(
        [width * 4, width * taps * 4, height * stride, height * width * 3],
        Math.max(VECTOR, taps * 3),
      );
      if (places === undefined) return undefined;
      const { bytes, addresses } = places;
      const [startsAt, weightsAt, sourceAt, targetAt] = addresses as [number, number, number, number];
      writeStarts(bytes, startsAt, starts, left, 3);
      writeWeights(bytes, weightsAt, columns, taps, 4);
      copyRows(plane, left * 3, top, stride, height, bytes, sourceAt);
      simd.functions.horizontal(sourceAt, stride, height, startsAt, weightsAt, taps, width, targetAt);
      return { data: bytes.slice(targetAt, targetAt + height * width * 3), stride: width * 3, origin: 0 };
    },

    vertical(plane, rows, left, width) {
      const { starts, counts } = rows;
      const height = starts.length;
      const [top, bottom] = extent(rows);
      const taps = roundUp(largest(counts), 2);
      const stride = width * 3;
      const places = simd.layOut(
        [height * 4, height * taps * 4, (bottom - top) * stride, height * stride],
        taps * stride + VECTOR,
      );
      if (places === undefined) return undefined;
      const { bytes, addresses } = places;
      const [startsAt, weightsAt, sourceAt, targetAt] = addresses as [number, number, number, number];
      writeStarts(bytes, startsAt, starts, top, stride);
      writeWeights(bytes, weightsAt, rows, taps, 2);
      copyRows(plane, left * 3, top, stride, bottom - top, bytes, sourceAt);
      simd.functions.vertical(sourceAt, stride, stride, startsAt, weightsAt, taps, height, targetAt);
      return { data: bytes.slice(targetAt, targetAt + height * stride), stride, origin: 0 };
    },
  };
}

/** The first input that is read, and the one after the last. */
function extent({ starts, counts }: Coefficients): [start: number, end: number] {
  const last = starts.length - 1;
  return [starts[0]!, starts[last]! + counts[last]!];
}

function largest(counts: Int32Array): number {
  return counts.reduce((most, count) => Math.max(most, count), 0);
}

function roundUp(count: number, multiple: number): number {
  return Math.ceil(count / multiple) * multiple;
}

/** Where the taps of each output begin, in bytes from the first input that is read. */
function writeStarts(
  bytes: Uint8Array,
  address: number,
  starts: Int32Array,
  first: number,
  step: number,
): void {
  const target = new Int32Array(bytes.buffer, address, starts.length);
  for (const [i, start] of starts.entries()) target[i] = (start - first) * step;
}

/** The coefficients in halves of 15 bits and the rest, `group` of the lower ones, then as many of the upper ones; zeros behind the last. */
function writeWeights(
  bytes: Uint8Array,
  address: number,
  { starts, counts, weights, taps }: Coefficients,
  paddedTaps: number,
  group: number,
): void {
  const target = new Int16Array(bytes.buffer, address, starts.length * paddedTaps * 2).fill(0);
  for (const [i, count] of counts.entries())
    for (let t = 0; t < count; t++) {
      const weight = weights[i * taps + t]!;
      const at = (i * paddedTaps + t - (t % group)) * 2 + (t % group);
      target[at] = weight & 0x7fff;
      target[at + group] = weight >> 15;
    }
}

function copyRows(
  { data, stride, origin }: Plane,
  leftBytes: number,
  top: number,
  length: number,
  height: number,
  target: Uint8Array,
  address: number,
): void {
  for (let y = 0; y < height; y++) {
    const from = origin + (top + y) * stride + leftBytes;
    target.set(data.subarray(from, from + length), address + y * length);
  }
}
