import type protobuf from 'protobufjs/light.js';
import type { Graph } from '../../graph.js';
import { dataType, encodeGraphDef } from '../../tensorflow/graph-def.js';
import { frozenNodes, type Port } from '../frozen/frozen-nodes.js';
import type { Weights } from '../host-tensors.js';
import { SavedModel, SIGNATURE, TAG } from './proto.js';

/** What TensorFlow Serving calls a signature of this kind. */
const METHOD = 'tensorflow/serving/predict';

/**
 * A graph as the `saved_model.pb` of a SavedModel: weights are constants in it, so that it needs no other file. Its signature `serving_default` has the graph's
 * inputs and outputs by name.
 *
 * @throws UserError naming the operation and the module for what only training uses
 */
export function writeSavedModel(graph: Graph, weights: Weights): Uint8Array {
  const { nodes, inputs, outputs } = frozenNodes(graph, {
    weights,
    convolutions: 'stock',
    target: 'savedmodel',
  });
  return SavedModel.encode({
    savedModelSchemaVersion: 1,
    metaGraphs: [
      {
        metaInfoDef: { tags: [TAG] },
        graphDef: encodeGraphDef(nodes),
        signatureDef: {
          [SIGNATURE]: { inputs: tensorInfos(inputs), outputs: tensorInfos(outputs), methodName: METHOD },
        },
      },
    ],
  } as unknown as protobuf.Message).finish();
}

function tensorInfos(ports: ReadonlyMap<string, Port>): Record<string, unknown> {
  return Object.fromEntries(
    [...ports].map(([name, { node, type }]) => [
      name,
      {
        name: `${node}:0`,
        dtype: dataType(type.dtype),
        tensorShape: { dim: type.shape.map((size) => ({ size })) },
      },
    ]),
  );
}
