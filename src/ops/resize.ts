import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors.js';
import { computeOnArrays } from './array-backend.js';
import { NativeAttrs, type NodeBackend } from './node-backend.js';
import { registerGradientOnce, registerOpKernel, runKernel, single } from './register.js';
import { bilinearAxis, nearestAxis, type AxisMap } from './resize-axis.js';
import { resizeGradientArray, resizeGradientMatmul } from './resize-gradient.js';

const BILINEAR = 'RecNextResizeBilinear';
const BILINEAR_GRAD = 'RecNextResizeBilinearGrad';
const NEAREST = 'RecNextResizeNearest';
const NEAREST_GRAD = 'RecNextResizeNearestGrad';

type Shape4D = [number, number, number, number];
type AxisRule = (input: number, output: number) => AxisMap;

/**
 * Bilinear resizing with half-pixel centres, no corner alignment, no antialiasing (PyTorch's
 * `interpolate(mode='bilinear', align_corners=False)`), with the gradient TF.js gets wrong.
 *
 * @param x [n, h, w, c]
 * @param size [height, width] of the result, both positive
 * @returns [n, height, width, c]
 */
export function resizeBilinear(x: tf.Tensor4D, size: [number, number]): tf.Tensor4D {
  return resize(BILINEAR, x, size);
}

/**
 * Nearest-neighbour resizing, source index floor(i · in / out) as PyTorch's `interpolate(mode='nearest')` computes it.
 *
 * @param x [n, h, w, c]
 * @param size [height, width] of the result, both positive
 * @returns [n, height, width, c]
 */
export function resizeNearest(x: tf.Tensor4D, size: [number, number]): tf.Tensor4D {
  return resize(NEAREST, x, size);
}

function resize(kernel: string, x: tf.Tensor4D, size: [number, number]): tf.Tensor4D {
  if ((x.rank as number) !== 4)
    throw new UserError(`Resizing takes a tensor [n, h, w, c], got one of shape [${x.shape.join(', ')}].`);
  if (!size.every((n) => Number.isInteger(n) && n > 0))
    throw new UserError(`Resizing needs a positive whole height and width, got [${size.join(', ')}].`);
  if (x.shape[1] === size[0] && x.shape[2] === size[1]) return x.clone();
  // The gradient needs only the shape of x: as an attribute, so that the tape need not keep x alive.
  return runKernel(kernel, { x }, { size, inputShape: x.shape });
}

const stockBilinear: tf.KernelFunc = ({ inputs, attrs }) =>
  tf.image.resizeBilinear(inputs.x as tf.Tensor4D, sizeOf(attrs), false, true);

const stockNearest: tf.KernelFunc = ({ inputs, attrs }) =>
  tf.image.resizeNearestNeighbor(inputs.x as tf.Tensor4D, sizeOf(attrs));

/** TF.js' cpu kernel multiplies by the ratio in float64 and so picks other pixels for 29 of the 4096 pairs up to 64. */
const arrayNearest: tf.KernelFunc = ({ inputs, attrs, backend }) => {
  const x = inputs.x!;
  const [batch, height, width, channels] = x.shape as Shape4D;
  const [outHeight, outWidth] = sizeOf(attrs);
  const rows = nearestAxis(height, outHeight).low;
  const columns = nearestAxis(width, outWidth).low;
  return computeOnArrays(backend, [x], [[batch, outHeight, outWidth, channels]], ([xs], [ys]) => {
    let to = 0;
    for (let n = 0; n < batch; n++)
      for (const row of rows)
        for (const column of columns) {
          const from = ((n * height + row) * width + column) * channels;
          ys!.set(xs!.subarray(from, from + channels), to);
          to += channels;
        }
  })[0]!;
};

function sizeOf(attrs: tf.NamedAttrMap | undefined): [number, number] {
  return (attrs as { size: [number, number] }).size;
}

function inputShapeOf(attrs: tf.NamedAttrMap | undefined): Shape4D {
  return (attrs as { inputShape: Shape4D }).inputShape;
}

function axes(rule: AxisRule, inputShape: Shape4D, dy: tf.TensorInfo): [AxisMap, AxisMap] {
  return [rule(inputShape[1], dy.shape[1]!), rule(inputShape[2], dy.shape[2]!)];
}

function portableGrad(rule: AxisRule): tf.KernelFunc {
  return ({ inputs, attrs }) => {
    const inputShape = inputShapeOf(attrs);
    const dy = inputs.dy as tf.Tensor4D;
    return resizeGradientMatmul(dy, inputShape, ...axes(rule, inputShape, dy));
  };
}

function arrayGrad(rule: AxisRule): tf.KernelFunc {
  return ({ inputs, attrs, backend }) => {
    const inputShape = inputShapeOf(attrs);
    const dy = inputs.dy!;
    return computeOnArrays(backend, [dy], [inputShape], ([dys], [dxs]) =>
      resizeGradientArray(dys!, dxs!, inputShape, ...axes(rule, inputShape, dy)),
    )[0]!;
  };
}

/** The native operation knows half-pixel centres; TF.js' kernel does not say so to it. */
const nativeBilinearGrad: tf.KernelFunc = ({ inputs, attrs, backend }) => {
  const node = backend as NodeBackend;
  return tf.tidy(() => {
    // Only the shape of the original image is looked at: an uninitialised tensor serves.
    const shape = tf.tensor1d(inputShapeOf(attrs), 'int32');
    const empty = new NativeAttrs(node).float32('dtype').bool('init', false);
    const original = node.executeSingleOutput('Empty', empty.list(), [shape]);
    const half = new NativeAttrs(node)
      .float32('T')
      .bool('align_corners', false)
      .bool('half_pixel_centers', true);
    return node.executeSingleOutput('ResizeBilinearGrad', half.list(), [inputs.dy!, original]);
  });
};

const nativeNearestGrad: tf.KernelFunc = ({ inputs, attrs, backend }) => {
  const node = backend as NodeBackend;
  const [, height, width] = inputShapeOf(attrs);
  return tf.tidy(() => {
    const floor = new NativeAttrs(node)
      .float32('T')
      .bool('align_corners', false)
      .bool('half_pixel_centers', false);
    const size = tf.tensor1d([height, width], 'int32');
    return node.executeSingleOutput('ResizeNearestNeighborGrad', floor.list(), [inputs.dy!, size]);
  });
};

function registerResize(
  name: string,
  gradName: string,
  forward: Pick<Parameters<typeof registerOpKernel>[0], 'portable' | 'special'>,
  rule: AxisRule,
  native: tf.KernelFunc,
): void {
  registerOpKernel({ name, ...forward });
  const array = arrayGrad(rule);
  registerOpKernel({
    name: gradName,
    portable: portableGrad(rule),
    special: { cpu: array, wasm: array, tensorflow: native },
  });
  registerGradientOnce({
    kernelName: name,
    gradFunc: (dy, _, attrs) => ({
      x: () => runKernel<tf.Tensor>(gradName, { dy: single(dy) }, { inputShape: inputShapeOf(attrs) }),
    }),
  });
}

export function registerResizes(): void {
  registerResize(BILINEAR, BILINEAR_GRAD, { portable: stockBilinear }, bilinearAxis, nativeBilinearGrad);
  registerResize(
    NEAREST,
    NEAREST_GRAD,
    { portable: stockNearest, special: { cpu: arrayNearest } },
    nearestAxis,
    nativeNearestGrad,
  );
}
