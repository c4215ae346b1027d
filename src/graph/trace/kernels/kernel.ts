import type * as tf from '@tensorflow/tfjs';
import type { Ref, TensorType } from '../../graph.js';
import type { DType } from '../../host-value.js';
import type { Op, OpAttrs } from '../../ops.js';
import { supportedType, type Recorder } from '../recorder.js';

/** A kernel of the tracing backend: what it is given, and the recorder it writes to. */
export type TraceKernel = (call: KernelCall) => tf.TensorInfo | tf.TensorInfo[];

/** One call of a kernel. */
export class KernelCall {
  constructor(
    readonly kernel: string,
    readonly recorder: Recorder,
    private readonly inputs: tf.NamedTensorInfoMap,
    private readonly attributes: tf.NamedAttrMap | undefined,
  ) {}

  input(name: string): tf.TensorInfo {
    const tensor = this.inputs[name];
    if (tensor === undefined) throw new Error(`kernel ${this.kernel} was called without its input ${name}`);
    return tensor;
  }

  has(name: string): boolean {
    return this.inputs[name] != null;
  }

  /** All inputs in order: of kernels that take a list. */
  list(): tf.TensorInfo[] {
    return Object.values(this.inputs) as tf.TensorInfo[];
  }

  ref(name: string): Ref {
    return this.recorder.ref(this.input(name));
  }

  /** An attribute, as the kernel's caller gave it. */
  attr<T>(name: string): T {
    return this.attributes?.[name] as T;
  }

  type(name: string): TensorType {
    const { shape, dtype } = this.input(name);
    return { shape, dtype: supportedType(dtype, `the input ${name} of ${this.kernel}`) };
  }

  /** Records a node of one output. */
  one<O extends Op>(
    op: O,
    attrs: OpAttrs[O],
    inputs: readonly Ref[],
    shape: readonly number[],
    dtype: DType = 'float32',
  ): tf.TensorInfo {
    return this.recorder.record(op, attrs, inputs, [{ shape, dtype }])[0]!;
  }

  /** The same value under another tensor. */
  alias(ref: Ref): tf.TensorInfo {
    return this.recorder.tensor(ref);
  }
}
