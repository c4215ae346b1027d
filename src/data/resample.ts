import { coefficients, nearestSources, type Coefficients, type Interpolation } from './filters.js';
import { plainPasses } from './resample-plain.js';
import type { Passes, Plane } from './resample-plane.js';
import type { Box, RgbImage } from './rgb-image.js';
import { pictureInOneScope, simd } from './simd/instance.js';
import { simdPasses } from './simd/resample.js';

/**
 * Which of the two passes comes first: always the horizontal one (Pillow before 13, which made the published accuracies), or
 * Pillow 13's rule: the vertical one when it shrinks the height by more than twice what the horizontal pass shrinks the width.
 */
export type PassOrder = 'horizontal-first' | 'pillow-13';

export interface ResampleOptions {
  /** Size to which the source (or its `region`) is resized. */
  readonly width: number;
  readonly height: number;
  readonly interpolation: Interpolation;
  /** Resize this part of the source as if it had been cropped out before: nothing beyond its border is read. Default: all. */
  readonly region?: Box;
  /** Compute only this part of the resized picture. Default: all. */
  readonly window?: Box;
  readonly passOrder?: PassOrder;
}

/**
 * Pillow's antialiased `Image.resize` on 8-bit RGB, bit for bit: separable, 22-bit fixed-point coefficients, each pass rounded to
 * bytes, a pass that changes nothing skipped. Only what `window` needs is computed.
 *
 * @returns a new picture of the window's size.
 */
export function resample(source: RgbImage, options: ResampleOptions): RgbImage {
  return pictureInOneScope(() => resampled(source, options));
}

function resampled(source: RgbImage, options: ResampleOptions): RgbImage {
  const { width, height, interpolation, passOrder = 'horizontal-first' } = options;
  const region = options.region ?? { left: 0, top: 0, width: source.width, height: source.height };
  const window = options.window ?? { left: 0, top: 0, width, height };
  if (interpolation === 'nearest') return nearest(source, region, window, width, height);

  const columns = axis(interpolation, region.width, width, window.left, window.width);
  const rows = axis(interpolation, region.height, height, window.top, window.height);
  const verticalFirst =
    passOrder === 'pillow-13' &&
    height < region.height &&
    region.height - height > 2 * (region.width - width);
  const module = simd();
  const passes: Passes = module === undefined ? plainPasses : simdPasses(module);
  const whole: Plane = {
    data: source.data,
    stride: source.width * 3,
    origin: (region.top * source.width + region.left) * 3,
  };
  if (verticalFirst) {
    const [left, right] = extent(columns);
    const half = vertical(whole, rows, left, right - left, passes);
    const { data } = horizontal({ ...half, origin: -left * 3 }, columns, 0, window.height, passes);
    return { width: window.width, height: window.height, data };
  }
  const [top, bottom] = extent(rows);
  const half = horizontal(whole, columns, top, bottom - top, passes);
  const { data } = vertical({ ...half, origin: -top * half.stride }, rows, 0, window.width, passes);
  return { width: window.width, height: window.height, data };
}

/** One axis of the resize: coefficients, or where the size stays the same, the offset of the window: Pillow skips that pass. */
type Axis = Coefficients | { readonly copyFrom: number; readonly length: number };

function axis(
  interpolation: Exclude<Interpolation, 'nearest'>,
  input: number,
  output: number,
  first: number,
  count: number,
): Axis {
  return input === output
    ? { copyFrom: first, length: count }
    : coefficients(interpolation, input, output, first, count);
}

/** The first input that the axis reads, and the one after the last. */
function extent(axis: Axis): [start: number, end: number] {
  if ('copyFrom' in axis) return [axis.copyFrom, axis.copyFrom + axis.length];
  const last = axis.starts.length - 1;
  return [axis.starts[0]!, axis.starts[last]! + axis.counts[last]!];
}

/** Resizes the rows `top … top + height - 1`; the result starts at row `top`. */
function horizontal(plane: Plane, columns: Axis, top: number, height: number, passes: Passes): Plane {
  if (!('copyFrom' in columns))
    return (
      passes.horizontal(plane, columns, top, height) ?? plainPasses.horizontal(plane, columns, top, height)
    );
  const stride = columns.length * 3;
  const data = new Uint8Array(height * stride);
  copyRows(plane, top, columns.copyFrom * 3, data, stride, height);
  return { data, stride, origin: 0 };
}

/** Resizes the columns `left … left + width - 1`; the result starts at column `left`. */
function vertical(plane: Plane, rows: Axis, left: number, width: number, passes: Passes): Plane {
  if (!('copyFrom' in rows))
    return passes.vertical(plane, rows, left, width) ?? plainPasses.vertical(plane, rows, left, width);
  const stride = width * 3;
  const data = new Uint8Array(rows.length * stride);
  copyRows(plane, rows.copyFrom, left * 3, data, stride, rows.length);
  return { data, stride, origin: 0 };
}

function copyRows(
  { data: source, stride, origin }: Plane,
  top: number,
  leftBytes: number,
  target: Uint8Array,
  bytes: number,
  height: number,
): void {
  for (let y = 0; y < height; y++) {
    const from = origin + (top + y) * stride + leftBytes;
    target.set(source.subarray(from, from + bytes), y * bytes);
  }
}

function nearest(source: RgbImage, region: Box, window: Box, width: number, height: number): RgbImage {
  const columns = nearestSources(region.width, width, window.left, window.width);
  const rows = nearestSources(region.height, height, window.top, window.height);
  const data = new Uint8Array(window.width * window.height * 3);
  let to = 0;
  for (const row of rows)
    for (const column of columns) {
      const from = ((region.top + row) * source.width + region.left + column) * 3;
      data[to++] = source.data[from]!;
      data[to++] = source.data[from + 1]!;
      data[to++] = source.data[from + 2]!;
    }
  return { width: window.width, height: window.height, data };
}
