import { UserError } from '../../errors.js';
import type { CApi, Pointer } from './c-api.js';
import type { GraphOutput } from './feed-lifetime.js';
import { checkStatus, TensorFlowError } from './status.js';

/**
 * Reads a GraphDef (without blocking this thread).
 *
 * @throws UserError that names an operation which this libtensorflow lacks, TensorFlowError with TensorFlow's own text about
 * everything else
 */
export async function importGraph(api: CApi, graphDef: Uint8Array): Promise<Pointer> {
  const graph = api.NewGraph();
  const buffer = api.NewBufferFromString(graphDef, graphDef.byteLength);
  const options = api.NewImportGraphDefOptions();
  const status = api.NewStatus();
  try {
    await new Promise<void>((resolve, reject) =>
      api.GraphImportGraphDef.async(graph, buffer, options, status, (error) =>
        error === null ? resolve() : reject(error),
      ),
    );
    checkStatus(api, status, 'reading the graph');
    return graph;
  } catch (error) {
    api.DeleteGraph(graph);
    throw explainImport(error, api.Version());
  } finally {
    api.DeleteStatus(status);
    api.DeleteImportGraphDefOptions(options);
    api.DeleteBuffer(buffer);
  }
}

function explainImport(error: unknown, version: string): unknown {
  if (!(error instanceof TensorFlowError)) return error;
  const missing = /Op type not registered '([^']+)'/.exec(error.message)?.[1];
  if (missing === undefined) return error;
  const what = missing.startsWith('Recnext')
    ? 'It is in the library of operations that `recnext setup` builds when there is a C++ compiler.'
    : 'A newer libtensorflow may have it: `recnext setup` brings one.';
  return new UserError(`TensorFlow ${version} has no operation "${missing}". ${what}`, {
    cause: error,
  });
}

const NAME = /^(.*?)(?::(\d+))?$/s;

/** Finds nodes and their outputs by name; remembers what it found. */
export class GraphNames {
  readonly #outputs = new Map<string, GraphOutput>();

  constructor(
    private readonly api: CApi,
    private readonly graph: Pointer,
  ) {}

  /** @param name `node` or `node:1` */
  output(name: string): GraphOutput {
    const known = this.#outputs.get(name);
    if (known !== undefined) return known;
    const [, node, index = '0'] = NAME.exec(name)!;
    const output = { oper: this.operation(node!), index: Number(index) };
    const count = this.api.OperationNumOutputs(output.oper);
    if (output.index >= count)
      throw new Error(`the graph's node "${node}" has ${count} outputs, "${name}" is none of them.`);
    this.#outputs.set(name, output);
    return output;
  }

  operation(node: string): Pointer {
    const operation = this.api.GraphOperationByName(this.graph, node);
    if (operation === null) throw new Error(`the graph has no node "${node}".`);
    return operation;
  }
}
