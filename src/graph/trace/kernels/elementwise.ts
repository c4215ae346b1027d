import * as tf from '@tensorflow/tfjs';
import type { DType } from '../../host-value.js';
import { BINARY, COMPARISON, UNARY } from '../../ops.js';
import type { KernelCall, TraceKernel } from './kernel.js';

/** TF.js' names where they are not ours. */
const KERNEL_NAMES: Readonly<Record<string, string>> = {
  Mul: 'Multiply',
  Div: 'RealDiv',
  Gelu: 'RecNextGelu',
};

const binary =
  (op: (typeof BINARY)[number] | (typeof COMPARISON)[number], dtype?: DType): TraceKernel =>
  (call) => {
    const a = call.type('a');
    const shape = tf.backend_util.assertAndGetBroadcastShape([...a.shape], [...call.type('b').shape]);
    return call.one(op, {}, [call.ref('a'), call.ref('b')], shape, dtype ?? a.dtype);
  };

const unary =
  (op: (typeof UNARY)[number]): TraceKernel =>
  (call) => {
    const { shape, dtype } = call.type('x');
    return call.one(op, {}, [call.ref('x')], shape, dtype);
  };

function filled(call: KernelCall, shape: readonly number[], dtype: DType, value: number): tf.TensorInfo {
  const size = tf.util.sizeFromShape([...shape]);
  const data =
    dtype === 'float32'
      ? new Float32Array(size)
      : dtype === 'int32'
        ? new Int32Array(size)
        : new Uint8Array(size);
  return call.alias(call.recorder.constant({ shape: [...shape], dtype, data: data.fill(value) }));
}

/** Something of the shape of `x` that holds one number. */
const filledLike =
  (value: number): TraceKernel =>
  (call) => {
    const { shape, dtype } = call.type('x');
    return filled(call, shape, dtype, value);
  };

/** A gradient of two inputs of one shape. */
const gradient =
  (op: 'GeluGrad' | 'EluGrad', second: 'x' | 'y'): TraceKernel =>
  (call) =>
    call.one(op, {}, [call.ref('dy'), call.ref(second)], call.type(second).shape);

export const elementwiseKernels: Readonly<Record<string, TraceKernel>> = {
  ...Object.fromEntries(BINARY.map((op) => [KERNEL_NAMES[op] ?? op, binary(op)])),
  ...Object.fromEntries(COMPARISON.map((op) => [op, binary(op, 'bool')])),
  ...Object.fromEntries(UNARY.map((op) => [KERNEL_NAMES[op] ?? op, unary(op)])),
  Identity: (call) => call.alias(call.ref('x')),
  Cast: (call) => {
    const { shape, dtype: from } = call.type('x');
    const to = call.attr<DType>('dtype');
    return from === to ? call.alias(call.ref('x')) : call.one('Cast', {}, [call.ref('x')], shape, to);
  },
  ZerosLike: filledLike(0),
  OnesLike: filledLike(1),
  Fill: (call) => {
    const dtype = call.attr<DType | undefined>('dtype') ?? 'float32';
    return filled(call, call.attr<number[]>('shape'), dtype, call.attr<number>('value'));
  },
  ClipByValue: (call) => {
    const { shape } = call.type('x');
    const limit = (name: string) => call.recorder.scalar(call.attr<number>(name));
    const low = call.one('Maximum', {}, [call.ref('x'), limit('clipValueMin')], shape);
    return call.one('Minimum', {}, [call.recorder.ref(low), limit('clipValueMax')], shape);
  },
  /** 1 where x > 0, `alpha` elsewhere (TF.js gives it NaN for NaN; the graph `alpha`). */
  Step: (call) => {
    const { shape } = call.type('x');
    const positive = call.one('Greater', {}, [call.ref('x'), call.recorder.scalar(0)], shape, 'bool');
    const alpha = call.attr<number>('alpha');
    if (alpha === 0) return call.one('Cast', {}, [call.recorder.ref(positive)], shape);
    return call.one(
      'Select',
      {},
      [call.recorder.ref(positive), call.recorder.scalar(1), call.recorder.scalar(alpha)],
      shape,
    );
  },
  Select: (call) => {
    const { shape, dtype } = call.type('t');
    return call.one('Select', {}, [call.ref('condition'), call.ref('t'), call.ref('e')], shape, dtype);
  },
  AddN: (call) => {
    const inputs = call.list();
    return call.one(
      'AddN',
      {},
      inputs.map((x) => call.recorder.ref(x)),
      inputs[0]!.shape,
    );
  },
  RecNextGeluGrad: gradient('GeluGrad', 'x'),
  EluGrad: gradient('EluGrad', 'y'),
};
