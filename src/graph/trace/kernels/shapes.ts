import * as tf from '@tensorflow/tfjs';
import type { REDUCTION } from '../../ops.js';
import type { KernelCall, TraceKernel } from './kernel.js';

const reduction =
  (op: (typeof REDUCTION)[number], axisName = 'axis'): TraceKernel =>
  (call) => {
    const { shape, dtype } = call.type('x');
    const given = call.attr<number | number[] | null | undefined>(axisName);
    const axes = tf.util.parseAxisParam(given ?? shape.map((_, i) => i), [...shape]).sort((a, b) => a - b);
    const keepDims = call.attr<boolean | undefined>('keepDims') ?? false;
    const out = shape.flatMap((length, i) => (!axes.includes(i) ? [length] : keepDims ? [1] : []));
    return call.one(op, { axes, keepDims }, [call.ref('x')], out, dtype);
  };

function reshape(call: KernelCall, name: string, shape: readonly number[]): tf.TensorInfo {
  const x = call.type(name);
  if (String(x.shape) === String(shape)) return call.alias(call.ref(name));
  return call.one('Reshape', { shape: [...shape] }, [call.ref(name)], shape, x.dtype);
}

function slice(call: KernelCall, begin: readonly number[], size: readonly number[]): tf.TensorInfo {
  return call.one('Slice', { begin, size }, [call.ref('x')], size, call.type('x').dtype);
}

export const shapeKernels: Readonly<Record<string, TraceKernel>> = {
  Sum: reduction('Sum'),
  Mean: reduction('Mean'),
  Prod: reduction('Prod'),
  Max: reduction('Max', 'reductionIndices'),
  Min: reduction('Min'),
  ArgMax: (call) => {
    const { shape } = call.type('x');
    const [axis] = tf.util.parseAxisParam(call.attr<number>('axis'), [...shape]) as [number];
    return call.one('ArgMax', { axis }, [call.ref('x')], shape.toSpliced(axis, 1), 'int32');
  },
  OneHot: (call) => {
    const { shape } = call.type('indices');
    const depth = call.attr<number>('depth');
    const dtype = call.attr<'float32' | 'int32' | 'bool' | undefined>('dtype') ?? 'int32';
    const attrs = { depth, on: call.attr<number>('onValue'), off: call.attr<number>('offValue') };
    return call.one('OneHot', attrs, [call.ref('indices')], [...shape, depth], dtype);
  },
  Reshape: (call) => {
    const size = tf.util.sizeFromShape([...call.type('x').shape]);
    return reshape(call, 'x', tf.util.inferFromImplicitShape(call.attr<number[]>('shape'), size));
  },
  ExpandDims: (call) => {
    const { shape } = call.type('input');
    const dim = call.attr<number>('dim');
    return reshape(call, 'input', shape.toSpliced(dim < 0 ? dim + shape.length + 1 : dim, 0, 1));
  },
  Transpose: (call) => {
    const { shape, dtype } = call.type('x');
    const perm = call.attr<number[]>('perm');
    return call.one(
      'Transpose',
      { perm },
      [call.ref('x')],
      perm.map((axis) => shape[axis]!),
      dtype,
    );
  },
  Slice: (call) => {
    const [begin, size] = tf.slice_util.parseSliceParams(
      call.input('x') as tf.Tensor,
      call.attr<number[]>('begin'),
      call.attr<number[]>('size'),
    ) as [number[], number[]];
    return slice(call, begin, size);
  },
  SplitV: (call) => {
    const { shape } = call.type('x');
    const [axis] = tf.util.parseAxisParam(call.attr<number>('axis'), [...shape]) as [number];
    const sizes = tf.backend_util.prepareSplitSize(
      call.input('x') as tf.Tensor,
      call.attr<number | number[]>('numOrSizeSplits'),
      axis,
    );
    let from = 0;
    return sizes.map((length) => {
      const begin = shape.map((_, i) => (i === axis ? from : 0));
      from += length;
      return slice(call, begin, shape.with(axis, length));
    });
  },
  Concat: (call) => {
    const inputs = call.list();
    const [axis] = tf.util.parseAxisParam(call.attr<number>('axis'), inputs[0]!.shape) as [number];
    const shape = tf.backend_util.computeOutShape(
      inputs.map((x) => x.shape),
      axis,
    );
    return call.one(
      'Concat',
      { axis },
      inputs.map((x) => call.recorder.ref(x)),
      shape,
    );
  },
  Tile: (call) => {
    const { shape, dtype } = call.type('x');
    const reps = call.attr<number[]>('reps');
    return call.one(
      'Tile',
      { reps },
      [call.ref('x')],
      shape.map((length, i) => length * reps[i]!),
      dtype,
    );
  },
  PadV2: (call) => {
    const { shape, dtype } = call.type('x');
    const paddings = call.attr<[number, number][]>('paddings');
    const out = shape.map((length, i) => length + paddings[i]![0] + paddings[i]![1]);
    return call.one(
      'Pad',
      { paddings, value: call.attr<number>('constantValue') },
      [call.ref('x')],
      out,
      dtype,
    );
  },
  BatchMatMul: (call) => {
    const [a, b] = [call.type('a').shape, call.type('b').shape];
    const transposeA = call.attr<boolean | undefined>('transposeA') ?? false;
    const transposeB = call.attr<boolean | undefined>('transposeB') ?? false;
    const batch = tf.backend_util.assertAndGetBroadcastShape(a.slice(0, -2), b.slice(0, -2));
    const shape = [...batch, a.at(transposeA ? -1 : -2)!, b.at(transposeB ? -2 : -1)!];
    return call.one('MatMul', { transposeA, transposeB }, [call.ref('a'), call.ref('b')], shape);
  },
  Softmax: (call) => {
    const { shape } = call.type('logits');
    return call.one('Softmax', {}, [call.ref('logits')], shape);
  },
};
