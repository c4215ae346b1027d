import { UserError } from '../../../errors.js';
import { SavedModel, SIGNATURE, TAG } from './proto.js';

/** An input or a result of a SavedModel. */
export interface SavedModelPort {
  /** In the signature. */
  readonly name: string;
  /** To feed or to fetch: `serving_default_images:0`. */
  readonly tensor: string;
  /** `float32`, or the number that TensorFlow has for another type. */
  readonly type: string;
  /** -1: open. Empty where the file does not say. */
  readonly shape: readonly number[];
}

/** How a SavedModel is run. */
export interface SavedModelSignature {
  /** Of the graph that has it. */
  readonly tag: string;
  readonly inputs: readonly SavedModelPort[];
  readonly outputs: readonly SavedModelPort[];
}

const FLOAT = 1;

interface Port {
  name: string;
  dtype: number;
  tensorShape?: { dim: { size: number | bigint | { toString(): string } }[] };
}
type Signatures = Record<string, { inputs: Record<string, Port>; outputs: Record<string, Port> }>;
interface Message {
  metaGraphs: { metaInfoDef?: { tags: string[] }; signatureDef: Signatures }[];
}

/**
 * Reads how the SavedModel of a saved_model.pb is run, of any origin: by the signature `serving_default`, or the only one there is.
 *
 * @throws UserError where there is no graph for serving, or none or several signatures
 */
export function readSignature(bytes: Uint8Array): SavedModelSignature {
  const { metaGraphs } = decode(bytes);
  const graph = metaGraphs.find(({ metaInfoDef }) => metaInfoDef?.tags.includes(TAG)) ?? metaGraphs[0];
  const [tag] = graph?.metaInfoDef?.tags ?? [];
  if (graph === undefined || tag === undefined) throw new UserError('the SavedModel has no graph with a tag');
  // What initialises a model is no signature to call.
  const names = Object.keys(graph.signatureDef).filter((name) => !name.startsWith('__'));
  const name = names.includes(SIGNATURE) ? SIGNATURE : names.length === 1 ? names[0]! : undefined;
  if (name === undefined)
    throw new UserError(
      `the SavedModel has the signatures ${names.join(', ') || '(none)'}, expected ${SIGNATURE}`,
    );
  const { inputs, outputs } = graph.signatureDef[name]!;
  return {
    tag: graph.metaInfoDef!.tags.includes(TAG) ? TAG : tag,
    inputs: portsOf(inputs),
    outputs: portsOf(outputs),
  };
}

function decode(bytes: Uint8Array): Message {
  try {
    return SavedModel.decode(bytes) as unknown as Message;
  } catch (error) {
    throw new UserError(`not a saved_model.pb (${(error as Error).message})`, { cause: error });
  }
}

function portsOf(ports: Record<string, Port>): SavedModelPort[] {
  return Object.entries(ports).map(([name, { name: tensor, dtype, tensorShape }]) => ({
    name,
    tensor,
    type: dtype === FLOAT ? 'float32' : `of type ${dtype}`,
    shape: (tensorShape?.dim ?? []).map(({ size }) => Number(size.toString())),
  }));
}
