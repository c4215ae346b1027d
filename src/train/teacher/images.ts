import { coefficients } from '../../data/filters.js';
import type { Layout } from './names.js';
import type { HostTensor, Normalisation } from './teacher-model.js';
import type { ImagesShape } from '../../runtime/engines/engine.js';

export interface ImagesFor {
  /** How the images given are normalised. */
  readonly from: Normalisation;
  /** How they are wanted. */
  readonly to: Normalisation;
  readonly layout: Layout;
  /** Undefined: the size that they have. */
  readonly size: readonly [height: number, width: number] | undefined;
}

/**
 * Images of the student as the teacher wants them. The student's normalisation is undone and the teacher's applied in one multiplication and addition, computed in
 * double precision and rounded once. Another size is made as Pillow's bilinear filter makes it (with antialiasing where images become smaller), without its
 * rounding to bytes.
 *
 * @param images `[batch, height, width, 3]`, row-major; given back itself where nothing has to change
 */
export function imagesFor(
  images: Float32Array,
  shape: ImagesShape,
  { from, to, layout, size }: ImagesFor,
): HostTensor {
  const [batch, height, width, channels] = shape;
  const fits = size === undefined || (size[0] === height && size[1] === width);
  const [h, w] = fits ? [height, width] : size;
  const sized = fits ? images : resized(images, shape, size);
  const same = [0, 1, 2].every((c) => from.mean[c] === to.mean[c] && from.std[c] === to.std[c]);
  const outShape = layout === 'nhwc' ? [batch, h, w, channels] : [batch, channels, h, w];
  if (same && layout === 'nhwc') return { data: sized, shape: outShape };

  const scale = from.std.map((std, c) => std / to.std[c]!);
  const shift = from.mean.map((mean, c) => (mean - to.mean[c]!) / to.std[c]!);
  const data = new Float32Array(sized.length);
  const plane = h * w;
  for (let n = 0; n < batch; n++) {
    const start = n * plane * channels;
    for (let c = 0; c < channels; c++) {
      // The same numbers stay the same bits.
      const [factor, offset] = same ? [1, 0] : [scale[c]!, shift[c]!];
      const first = layout === 'nhwc' ? start + c : start + c * plane;
      const step = layout === 'nhwc' ? channels : 1;
      for (let p = 0; p < plane; p++)
        data[first + p * step] = sized[start + p * channels + c]! * factor + offset;
    }
  }
  return { data, shape: outShape };
}

/** Of fixed-point weights of `coefficients`. */
const UNIT = 2 ** -22;

function resized(
  images: Float32Array,
  [batch, height, width, channels]: ImagesShape,
  [toHeight, toWidth]: readonly [height: number, width: number],
): Float32Array {
  const across = coefficients('bilinear', width, toWidth, 0, toWidth);
  const down = coefficients('bilinear', height, toHeight, 0, toHeight);
  const rows = new Float64Array(height * toWidth * channels);
  const out = new Float32Array(batch * toHeight * toWidth * channels);
  for (let n = 0; n < batch; n++) {
    const image = images.subarray(n * height * width * channels, (n + 1) * height * width * channels);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < toWidth; x++)
        for (let c = 0; c < channels; c++) {
          const from = (y * width + across.starts[x]!) * channels + c;
          let sum = 0;
          for (let t = 0; t < across.counts[x]!; t++)
            sum += across.weights[x * across.taps + t]! * image[from + t * channels]!;
          rows[(y * toWidth + x) * channels + c] = sum * UNIT;
        }
    const rowLength = toWidth * channels;
    for (let y = 0; y < toHeight; y++)
      for (let i = 0; i < rowLength; i++) {
        let sum = 0;
        for (let t = 0; t < down.counts[y]!; t++)
          sum += down.weights[y * down.taps + t]! * rows[(down.starts[y]! + t) * rowLength + i]!;
        out[(n * toHeight + y) * rowLength + i] = sum * UNIT;
      }
  }
  return out;
}
