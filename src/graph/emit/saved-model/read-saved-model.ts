import { UserError } from '../../../errors.js';
import { SavedModel, SIGNATURE } from './proto.js';

/** What a session needs to run a SavedModel of ours. */
export interface SavedModelContent {
  readonly graphDef: Uint8Array;
  /** Tensors to feed and to fetch, by their names in the signature. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
}

interface Message {
  metaGraphs: { graphDef: Uint8Array; signatureDef: Record<string, Record<'inputs' | 'outputs', Ports>> }[];
}
type Ports = Record<string, { name: string }>;

/** The graph of a `saved_model.pb` without variables. @throws UserError where it has no such signature as ours */
export function readSavedModel(bytes: Uint8Array): SavedModelContent {
  const [metaGraph] = (SavedModel.decode(bytes) as unknown as Message).metaGraphs;
  const signature = metaGraph?.signatureDef[SIGNATURE];
  if (metaGraph === undefined || signature === undefined)
    throw new UserError(`the SavedModel has no signature "${SIGNATURE}"`);
  const names = (ports: Ports): Record<string, string> =>
    Object.fromEntries(Object.entries(ports).map(([key, { name }]) => [key, name]));
  return { graphDef: metaGraph.graphDef, inputs: names(signature.inputs), outputs: names(signature.outputs) };
}
