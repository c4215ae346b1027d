import { availableParallelism } from 'node:os';
import type { CApi, Pointer } from './c-api.js';
import { mayOutliveRun, type GraphOutput } from './feed-lifetime.js';
import { GraphNames, importGraph } from './graph.js';
import type { HostArray } from './host-array.js';
import { loadOpLibrary, loadTensorFlow, type TensorFlowLibrary } from './library.js';
import { deleteTrace, newTrace, readTrace, type NodeTime, type Trace } from './profile.js';
import { encodeConfig, preferredVariant, type SessionOptions } from './session-options.js';
import { checkStatus, withStatus } from './status.js';
import { fromTensor, toTensor } from './tensors.js';

export interface RunRequest {
  /** By name: `node` or `node:1`. An aligned array is used where it lies: leave it unchanged until the run is done. */
  readonly feeds: ReadonlyMap<string, HostArray>;
  readonly fetches: readonly string[];
  /** Nodes to run for what they do. */
  readonly targets?: readonly string[];
}

/** A graph that libtensorflow runs, with the variables that live in it. */
export class TensorFlowSession {
  readonly #names: GraphNames;
  readonly #borrows = new Map<string, boolean>();
  #running = 0;
  #disposed = false;

  private constructor(
    private readonly library: TensorFlowLibrary,
    private readonly graph: Pointer,
    private readonly session: Pointer,
  ) {
    this.#names = new GraphNames(library.api, graph);
  }

  /**
   * @param graphDef a serialised GraphDef
   * @throws UserError: no libtensorflow here, the graph has an operation it lacks
   * @throws UsageError for options that make no sense
   * @throws TensorFlowError for everything that TensorFlow refuses
   */
  static async open(graphDef: Uint8Array, options: SessionOptions = {}): Promise<TensorFlowSession> {
    const config = encodeConfig(options);
    const library = await loadTensorFlow(preferredVariant(options));
    const { api } = library;
    if (options.opLibrary !== undefined)
      loadOpLibrary(api, options.opLibrary, options.intraOpThreads ?? availableParallelism());
    const graph = await importGraph(api, graphDef);
    try {
      return new TensorFlowSession(library, graph, newSession(api, graph, config));
    } catch (error) {
      api.DeleteGraph(graph);
      throw error;
    }
  }

  /**
   * A SavedModel with its variables: of TensorFlow's own making, or ours. It runs what its graph says, so take it from somebody you trust.
   *
   * @param folder has saved_model.pb in it
   * @param tag of the graph wanted, as the file has it
   * @throws as `open`
   */
  static async openSavedModel(
    folder: string,
    tag: string,
    options: SessionOptions = {},
  ): Promise<TensorFlowSession> {
    const config = encodeConfig(options);
    const library = await loadTensorFlow(preferredVariant(options));
    const { api } = library;
    const graph = api.NewGraph();
    try {
      const session = withOptions(api, config, (sessionOptions) =>
        withStatus(api, `loading ${folder}`, (status) =>
          api.LoadSessionFromSavedModel(sessionOptions, null, folder, [tag], 1, graph, null, status),
        ),
      );
      return new TensorFlowSession(library, graph, session!);
    } catch (error) {
      api.DeleteGraph(graph);
      throw error;
    }
  }

  /**
   * Runs what `fetches` and `targets` need, on threads of TensorFlow's; several runs may be under way at once. Arrays that come back
   * are new.
   *
   * @throws TensorFlowError; its code is `RESOURCE_EXHAUSTED` when memory ran out
   */
  run(request: RunRequest): Promise<HostArray[]> {
    return this.#execute(request, undefined);
  }

  /** `run` that also tells when each node of the graph ran. Slower. */
  async profile(request: RunRequest): Promise<{ outputs: HostArray[]; nodes: NodeTime[] }> {
    const { api } = this.library;
    const trace = newTrace(api);
    try {
      const outputs = await this.#execute(request, trace);
      return { outputs, nodes: readTrace(trace) };
    } finally {
      deleteTrace(api, trace);
    }
  }

  async #execute(
    { feeds, fetches, targets = [] }: RunRequest,
    trace: Trace | undefined,
  ): Promise<HostArray[]> {
    if (this.#disposed) throw new Error('the session is closed.');
    const { api } = this.library;
    const inputs: GraphOutput[] = [];
    const tensors: Pointer[] = [];
    const results = new BigUint64Array(fetches.length);
    const status = api.NewStatus();
    // What TensorFlow reads and writes during the run: this frame, which awaits it, keeps it alive.
    const held: unknown[] = [];
    this.#running++;
    try {
      for (const [name, array] of feeds) {
        const input = this.#names.output(name);
        const { tensor, borrowed } = toTensor(this.library, name, array, this.#mayBorrow(name, input));
        inputs.push(input);
        tensors.push(tensor);
        held.push(borrowed);
      }
      const memory = {
        inputs: outputArray(inputs),
        values: BigUint64Array.from(tensors),
        outputs: outputArray(fetches.map((name) => this.#names.output(name))),
        targets: BigUint64Array.from(targets, (name) => this.#names.operation(name)),
      };
      held.push(memory, results);
      await new Promise<void>((resolve, reject) =>
        api.SessionRun.async(
          this.session,
          trace?.options ?? null,
          orNull(memory.inputs),
          orNull(memory.values),
          tensors.length,
          orNull(memory.outputs),
          orNull(results),
          results.length,
          orNull(memory.targets),
          targets.length,
          trace?.metadata ?? null,
          status,
          (error) => {
            held.length = 0;
            if (error === null) resolve();
            else reject(error);
          },
        ),
      );
      checkStatus(api, status, 'running the graph');
      return Array.from(results, (tensor) => fromTensor(api, tensor));
    } finally {
      for (const tensor of results) if (tensor !== 0n) api.DeleteTensor(tensor);
      for (const tensor of tensors) api.DeleteTensor(tensor);
      api.DeleteStatus(status);
      this.#running--;
      if (this.#disposed) this.#release();
    }
  }

  /** Frees graph, variables and threads, after the runs that are under way; new ones are refused. May be called again. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#release();
  }

  #release(): void {
    if (this.#running > 0) return;
    const { api } = this.library;
    withStatus(api, 'closing the session', (status) => {
      api.CloseSession(this.session, status);
      api.DeleteSession(this.session, status);
    });
    api.DeleteGraph(this.graph);
  }

  #mayBorrow(name: string, input: GraphOutput): boolean {
    let may = this.#borrows.get(name);
    if (may === undefined) {
      may = !mayOutliveRun(this.library.api, input);
      this.#borrows.set(name, may);
    }
    return may;
  }
}

/** @throws TensorFlowError */
export function newSession(api: CApi, graph: Pointer, config: Uint8Array): Pointer {
  return withOptions(api, config, (options) =>
    withStatus(api, 'opening a session', (status) => api.NewSession(graph, options, status))!,
  );
}

function withOptions<T>(api: CApi, config: Uint8Array, work: (options: Pointer) => T): T {
  const options = api.NewSessionOptions();
  try {
    withStatus(api, 'configuring the session', (status) =>
      api.SetConfig(options, config, config.length, status),
    );
    return work(options);
  } finally {
    api.DeleteSessionOptions(options);
  }
}

/** An array of TF_Output: each a pointer and an int, padded to two words. */
function outputArray(outputs: readonly GraphOutput[]): BigUint64Array {
  const words = new BigUint64Array(2 * outputs.length);
  outputs.forEach(({ oper, index }, i) => {
    words[2 * i] = oper;
    words[2 * i + 1] = BigInt(index);
  });
  return words;
}

const orNull = (memory: BigUint64Array): BigUint64Array | null => (memory.length === 0 ? null : memory);
