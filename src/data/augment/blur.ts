import type { RgbImage } from '../rgb-image.js';
import { simd } from '../simd/instance.js';

/** Box blurs that make one Gaussian. */
const PASSES = 3;

/** Bits behind the point of the weights. */
const PRECISION = 24;
/** Rounds a fixed-point sum half up. */
const HALF = 2 ** (PRECISION - 1);

/**
 * Pillow's `GaussianBlur(radius)`: three box blurs of a fractional radius along the rows, then three along the columns, edges repeated,
 * each rounded to bytes (src/libImaging/BoxBlur.c).
 *
 * @param sigma standard deviation in pixels, Pillow's `radius`
 */
export function gaussianBlur(image: RgbImage, sigma: number): RgbImage {
  const box = boxOf(Math.fround(sigma));
  const { width, height, data: source } = image;
  const fast = simdBlur(image, box);
  if (fast !== undefined) return { width, height, data: fast };
  let data = source;
  let spare: Uint8Array = new Uint8Array(source.length);
  const blur = (lines: number, lineStep: number, length: number, step: number): void => {
    for (let pass = 0; pass < PASSES; pass++) {
      const target = spare;
      for (let line = 0; line < lines; line++)
        for (let channel = 0; channel < 3; channel++)
          boxLine(data, target, line * lineStep + channel, length, step, box);
      // The given picture itself is never written to.
      spare = data === source ? new Uint8Array(source.length) : data;
      data = target;
    }
  };
  blur(height, width * 3, width, 3);
  blur(width, 3, height, width * 3);
  return { width, height, data };
}

/** The same in WebAssembly SIMD; undefined where there is none, or the picture is too large or too narrow for it. */
function simdBlur(
  { width, height, data }: RgbImage,
  { whole, weight, edgeWeight }: BlurBox,
): Uint8Array | undefined {
  const module = simd();
  if (module === undefined || width * 3 < 16) return undefined;
  const { blurRows, blurColumns } = module.functions;
  return module.compute(data.length, (target) => {
    const spare = module.take(data.length);
    const passes = [blurRows, blurRows, blurRows, blurColumns, blurColumns, blurColumns];
    let from = module.place(data);
    for (const [i, blur] of passes.entries()) {
      const to = i % 2 === 0 ? spare : target;
      blur(from, width, height, whole, weight, edgeWeight, to);
      from = to;
    }
  });
}

/** A box of a fractional radius in pixels and fixed-point weights. */
interface BlurBox {
  /** Pixels on either side that lie in it wholly. */
  readonly whole: number;
  readonly weight: number;
  /** Of the next pixel on either side. */
  readonly edgeWeight: number;
}

function boxOf(sigma: number): BlurBox {
  const radius = boxRadius(sigma);
  const whole = Math.trunc(radius);
  const weight = Math.trunc(Math.fround(2 ** PRECISION / Math.fround(Math.fround(radius * 2) + 1)));
  return { whole, weight, edgeWeight: Math.trunc((2 ** PRECISION - (whole * 2 + 1) * weight) / 2) };
}

/** Radius of the boxes for a deviation. Pillow computes in float32, and so must this: a weight may depend on the last bit. */
function boxRadius(sigma: number): number {
  const f32 = Math.fround;
  const variance = f32(f32(sigma * sigma) / PASSES);
  const length = f32(Math.sqrt(12 * variance + 1));
  const whole = f32(Math.floor((length - 1) / 2));
  const above = f32(f32(whole + 1) * f32(whole + 1));
  const numerator = f32(f32(2 * whole + 1) * f32(f32(whole * f32(whole + 1)) - f32(3 * variance)));
  return f32(whole + f32(numerator / f32(6 * f32(variance - above))));
}

/** One line of one channel: `length` bytes, `step` apart, from `start` on. */
function boxLine(
  source: Uint8Array,
  target: Uint8Array,
  start: number,
  length: number,
  step: number,
  { whole, weight, edgeWeight }: BlurBox,
): void {
  // The line with its edges repeated, so that the loop needs to look at none of them.
  const margin = whole + 1;
  const line = new Uint8Array(length + 2 * margin);
  line.fill(source[start]!, 0, margin);
  for (let i = 0; i < length; i++) line[margin + i] = source[start + i * step]!;
  line.fill(line[margin + length - 1]!, margin + length);
  // Sum of the pixels that lie in the box wholly; moved along the line.
  let sum = 0;
  for (let i = 0; i < 2 * whole + 1; i++) sum += line[i]!;
  for (let i = 0; i < length; i++) {
    sum += line[i + 2 * whole + 1]! - line[i]!;
    const edges = line[i]! + line[i + 2 * margin]!;
    // Up to 2^32: divided as a double, which truncates faster than a shift of more than 31 bits.
    target[start + i * step] = ((sum * weight + edges * edgeWeight + HALF) / 2 ** PRECISION) | 0;
  }
}
