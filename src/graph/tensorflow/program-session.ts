import type { OperationTime } from '../../runtime/engines/operation-time.js';
import {
  TensorFlowSession,
  type HostArray,
  type RunRequest,
  type SessionOptions,
} from '../../runtime/tensorflow/index.js';
import { sizeOf, type HostData } from '../host-value.js';
import { encodeGraphDef } from './graph-def.js';
import { operationTimes } from './operation-times.js';
import type { Program, ProgramInput } from './program.js';

export interface RoutineRun<R extends string> {
  readonly routine: R;
  /** By input name; shapes may differ from the traced ones only in an open batch. */
  readonly inputs: Readonly<Record<string, HostData>>;
  /** Results wanted, by name. Default: all. */
  readonly outputs?: readonly string[];
  /** Whether to write the updates to the variables. Default true, where there are any. */
  readonly update?: boolean;
}

/** A program in a TensorFlow session: its variables live there, and are set and read by name. */
export class ProgramSession<R extends string = string> {
  private constructor(
    private readonly session: TensorFlowSession,
    private readonly program: Program<R>,
  ) {}

  /** Opens a session. Variables have no value before `set`. */
  static async open<R extends string>(
    program: Program<R>,
    options: SessionOptions = {},
  ): Promise<ProgramSession<R>> {
    return new ProgramSession(await TensorFlowSession.open(encodeGraphDef(program.nodes), options), program);
  }

  /** Sets variables; throws for a name that the program doesn't have. */
  async set(
    values: Iterable<readonly [name: string, value: { readonly data: Float32Array }]>,
  ): Promise<void> {
    const feeds = new Map<string, HostArray>();
    const targets: string[] = [];
    for (const [name, { data }] of values) {
      const { feed, assign, type } = this.variable(name);
      feeds.set(feed, { dtype: 'float32', shape: type.shape, data });
      targets.push(assign);
    }
    if (targets.length > 0) await this.session.run({ feeds, fetches: [], targets });
  }

  /** Copies of variables, in the order asked for. */
  async get(names: readonly string[]): Promise<Float32Array[]> {
    const fetches = names.map((name) => this.variable(name).read);
    const values = await this.session.run({ feeds: new Map(), fetches });
    return values.map(({ data }) => data as Float32Array);
  }

  /** Runs a routine once; gives its results by name. */
  async run(routine: RoutineRun<R>): Promise<Record<string, HostArray>> {
    const { names, request } = this.request(routine);
    const results = await this.session.run(request);
    return Object.fromEntries(names.map((name, i) => [name, results[i]!]));
  }

  /** `run` that also tells when each operation ran. Slower. */
  async profile(
    routine: RoutineRun<R>,
  ): Promise<{ outputs: Record<string, HostArray>; operations: OperationTime[] }> {
    const { names, request } = this.request(routine);
    const { outputs, nodes } = await this.session.profile(request);
    return {
      outputs: Object.fromEntries(names.map((name, i) => [name, outputs[i]!])),
      operations: operationTimes(nodes, Object.keys(this.program.routines)),
    };
  }

  dispose(): void {
    this.session.dispose();
  }

  private request({ routine, inputs, outputs, update = true }: RoutineRun<R>): {
    names: readonly string[];
    request: RunRequest;
  } {
    const plan = this.program.routines[routine];
    const feeds = new Map<string, HostArray>();
    for (const [name, input] of plan.inputs) {
      const data = inputs[name];
      if (data === undefined) throw new Error(`the input "${name}" of "${routine}" was not given`);
      feeds.set(input.node, hostArray(name, input, data));
    }
    const names = outputs ?? [...plan.outputs.keys()];
    return {
      names,
      request: {
        feeds,
        fetches: names.map((name) => plan.outputs.get(name)!),
        targets: update && plan.update !== undefined ? [plan.update] : [],
      },
    };
  }

  private variable(name: string) {
    const variable = this.program.variables.get(name);
    if (variable === undefined) throw new Error(`the program has no variable "${name}"`);
    return variable;
  }
}

function hostArray(name: string, { type }: ProgramInput, data: HostData): HostArray {
  const fixed = sizeOf(type.shape.filter((length) => length >= 0));
  const open = type.shape.includes(-1);
  const batch = data.length / fixed;
  if (open ? !Number.isInteger(batch) : data.length !== fixed)
    throw new Error(`the input "${name}" takes [${type.shape.join(', ')}], found ${data.length} numbers`);
  return { dtype: type.dtype, shape: type.shape.map((length) => (length < 0 ? batch : length)), data };
}
