import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../errors.js';
import { Graph, typeOf, type Place, type Ref, type TensorType } from '../graph.js';
import { hostArray, type DType, type HostValue } from '../host-value.js';
import type { Op, OpAttrs } from '../ops.js';
import { moduleScope } from './module-scope.js';
import type { TraceBackend } from './trace-backend.js';

/** Constants of up to this many numbers are written once however often they are made. */
const SHARED_CONSTANT = 64;

/** The part of TF.js' engine that tells who owns a tensor's data. */
interface EngineState {
  readonly tensorInfo: WeakMap<object, { readonly backend: { readSync(id: object): ArrayLike<number> } }>;
}

/** Turns kernel calls into nodes of one graph: which tensor is which node's output. */
export class Recorder {
  readonly graph = new Graph();
  private readonly refs = new WeakMap<object, Ref>();
  private readonly constants = new Map<string, Ref>();

  constructor(private readonly backend: TraceBackend) {}

  /** Says that a TF.js tensor is this output. */
  bind(dataId: object, ref: Ref): void {
    this.refs.set(dataId, ref);
  }

  /** The output that a tensor stands for; a tensor with values becomes a constant. */
  ref(tensor: Pick<tf.TensorInfo, 'dataId' | 'shape' | 'dtype'>): Ref {
    const known = this.refs.get(tensor.dataId);
    if (known !== undefined) return known;
    const written = this.backend.writtenValues(tensor.dataId);
    // A tensor of another backend: made before the trace.
    const values =
      written?.values ?? engineState().tensorInfo.get(tensor.dataId)!.backend.readSync(tensor.dataId);
    const dtype = supportedType(tensor.dtype, 'a constant');
    const ref = this.constant({
      dtype,
      shape: [...tensor.shape],
      data: hostArray(dtype, values as ArrayLike<number>),
    });
    this.refs.set(tensor.dataId, ref);
    return ref;
  }

  constant(value: HostValue): Ref {
    const { dtype, shape, data } = value;
    const key = data.length <= SHARED_CONSTANT ? `${dtype}|${shape.join()}|${data.join()}` : undefined;
    const shared = key === undefined ? undefined : this.constants.get(key);
    if (shared !== undefined) return shared;
    const ref = this.graph.one('Const', { value }, [], { dtype, shape });
    if (key !== undefined) this.constants.set(key, ref);
    return ref;
  }

  scalar(value: number): Ref {
    return this.constant({ dtype: 'float32', shape: [], data: Float32Array.of(value) });
  }

  /** Appends a node and gives its outputs as TF.js tensors without values. */
  record<O extends Op>(
    op: O,
    attrs: OpAttrs[O],
    inputs: readonly Ref[],
    outputs: readonly TensorType[],
  ): tf.TensorInfo[] {
    const node = this.graph.add(op, attrs, inputs, outputs, this.place(inputs));
    return outputs.map((_, output) => this.tensor({ node, output }));
  }

  /** A TF.js tensor that stands for an output. Each has data of its own: TF.js counts references by it. */
  tensor(ref: Ref): tf.TensorInfo {
    const { shape, dtype } = typeOf(ref);
    const dataId = {};
    this.refs.set(dataId, ref);
    return { dataId, shape: [...shape], dtype };
  }

  /** @throws UserError that says which value was asked for */
  refuseRead(dataId: object): never {
    const ref = this.refs.get(dataId);
    const what =
      ref === undefined
        ? 'a tensor'
        : `the output of ${ref.node.op} (shape [${typeOf(ref).shape.join(', ')}])`;
    const where = moduleScope() ?? ref?.node.scope;
    throw new UserError(
      `${where ? `module "${where}"` : 'the code'} reads the value of ${what} while it is being traced: a compiled step has no values ` +
        `until it runs. Keep the decision in tensor operations, or run without compiling (--engine eager).`,
    );
  }

  /** Where the code that runs now stands. Gradients run outside of every module: they belong where the values they work with came from. */
  private place(inputs: readonly Ref[]): Place {
    const scope = moduleScope();
    if (scope !== undefined) return { scope, backward: false };
    const nodes = inputs.map(({ node }) => node).filter((node) => node.scope !== '');
    const origin = nodes.find((node) => !node.backward) ?? nodes[0];
    return { scope: origin?.scope ?? '', backward: true };
  }
}

export function supportedType(dtype: tf.DataType, what: string): DType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new UserError(`${what} of type ${dtype} cannot be traced: expected float32, int32 or bool.`);
}

function engineState(): EngineState {
  return (tf.engine() as unknown as { state: EngineState }).state;
}
