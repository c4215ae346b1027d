import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../errors.js';
import type { Graph, TensorType } from '../graph.js';
import { registerTraceKernels } from './kernels/index.js';
import { Recorder } from './recorder.js';
import { TRACE_BACKEND, TraceBackend } from './trace-backend.js';

/** Makes an input of the graph: a tensor without a value. Asking for a name again gives the same input. */
export type InputMaker = (name: string, type: TensorType) => tf.Tensor;

export interface TraceRequest {
  /** State that the code reads and may assign, by the name it gets in the graph. Shared variables count under their first name. */
  readonly variables: ReadonlyMap<string, tf.Variable>;
  /** The code: plain TF.js. Gives the results by name. Runs once, synchronously, and computes nothing. */
  readonly body: (input: InputMaker) => Readonly<Record<string, tf.Tensor>>;
}

const backend = new TraceBackend();

/**
 * Runs TF.js code on tensors without values and writes down what it would compute, gradients and updates of variables included. Variables have their own values
 * again afterwards.
 *
 * @throws UserError naming the module and the operation where the code reads a value, uses a kernel that can't be compiled, or changes a variable that isn't in `variables`
 */
export function trace({ variables, body }: TraceRequest): Graph {
  registerOnce();
  const recorder = new Recorder(backend);
  const inputs = new Map<string, tf.Tensor>();
  const started = new Map<tf.Variable, object>();
  const engine = tf.engine();
  const before = tf.getBackend();
  const state = Object.values(engine.registeredVariables).map((variable) => ({
    variable,
    dataId: variable.dataId,
    // Holds the data that an assignment while tracing would give up.
    own: variable.clone(),
  }));
  const asTensor = (info: tf.TensorInfo): tf.Tensor => engine.makeTensorFromTensorInfo(info);
  const input: InputMaker = (name, type) => {
    const known = inputs.get(name);
    if (known !== undefined) return known;
    const ref = recorder.graph.one('Input', { name }, [], type);
    const tensor = tf.keep(asTensor(recorder.tensor(ref)));
    inputs.set(name, tensor);
    return tensor;
  };

  backend.recorder = recorder;
  setBackend(TRACE_BACKEND);
  try {
    for (const [name, variable] of variables) {
      const type: TensorType = { shape: [...variable.shape], dtype: 'float32' };
      const ref = recorder.graph.one('Variable', { name }, [], type);
      // Its own data while tracing: variables that were made of one another share theirs.
      const value = asTensor(recorder.tensor(ref));
      variable.assign(value);
      value.dispose();
      started.set(variable, variable.dataId);
    }
    tf.tidy(() => {
      for (const [name, tensor] of Object.entries(body(input))) {
        recorder.graph.outputs.set(name, recorder.ref(tensor));
        // Results may have been kept from the tidy for the caller: here nobody else is.
        tensor.dispose();
      }
    });
    const names = new Map([...variables].map(([name, variable]) => [variable, name]));
    for (const { variable, dataId } of state) {
      if (variable.dataId === (started.get(variable) ?? dataId)) continue;
      const name = names.get(variable);
      if (name === undefined)
        throw new UserError(
          `the traced code changes the variable "${variable.name}", which is not part of its state.`,
        );
      recorder.graph.updates.set(name, recorder.ref(variable));
    }
    return recorder.graph;
  } finally {
    setBackend(before);
    for (const { variable, dataId, own } of state) {
      if (variable.dataId !== dataId) variable.assign(own);
      own.dispose();
    }
    tf.dispose([...inputs.values()]);
    backend.recorder = undefined;
  }
}

/** TF.js' own waits for backends that start up; this one has started, and the trace may not wait. */
function setBackend(name: string): void {
  void tf.setBackend(name);
}

function registerOnce(): void {
  if ((tf.engine().registryFactory as Record<string, unknown>)[TRACE_BACKEND] !== undefined) return;
  tf.registerBackend(TRACE_BACKEND, () => backend, 0);
  registerTraceKernels(TRACE_BACKEND);
}
