import protobuf from 'protobufjs/light.js';
import type { Graph } from '../../graph.js';
import { DATA_TYPE, encodeGraphDef } from '../../tensorflow/graph-def.js';
import { frozenNodes, type Port } from '../frozen/frozen-nodes.js';
import type { Weights } from '../host-tensors.js';

/** What TensorFlow's loaders look for. */
const TAG = 'serve';
const SIGNATURE = 'serving_default';
const METHOD = 'tensorflow/serving/predict';

/** The fields that are written of saved_model.proto, meta_graph.proto and tensor_shape.proto. A message inside of another is bytes to it. */
const root = protobuf.Root.fromJSON({
  nested: {
    SavedModel: {
      fields: {
        savedModelSchemaVersion: { type: 'int64', id: 1 },
        metaGraphs: { rule: 'repeated', type: 'MetaGraphDef', id: 2 },
      },
    },
    MetaGraphDef: {
      fields: {
        metaInfoDef: { type: 'MetaInfoDef', id: 1 },
        graphDef: { type: 'bytes', id: 2 },
        signatureDef: { keyType: 'string', type: 'SignatureDef', id: 5 } as protobuf.IField,
      },
      nested: { MetaInfoDef: { fields: { tags: { rule: 'repeated', type: 'string', id: 4 } } } },
    },
    SignatureDef: {
      fields: {
        inputs: { keyType: 'string', type: 'TensorInfo', id: 1 } as protobuf.IField,
        outputs: { keyType: 'string', type: 'TensorInfo', id: 2 } as protobuf.IField,
        methodName: { type: 'string', id: 3 },
      },
    },
    TensorInfo: {
      fields: {
        name: { type: 'string', id: 1 },
        dtype: { type: 'int32', id: 2 },
        tensorShape: { type: 'TensorShapeProto', id: 3 },
      },
    },
    TensorShapeProto: {
      fields: { dim: { rule: 'repeated', type: 'Dim', id: 2 } },
      nested: { Dim: { fields: { size: { type: 'int64', id: 1 } } } },
    },
  },
});
const savedModel = root.lookupType('SavedModel');

/**
 * A graph as the `saved_model.pb` of a SavedModel: weights are constants in it, so that it needs no other file. Its signature `serving_default` has the graph's
 * inputs and outputs by name.
 *
 * @throws UserError naming the operation and the module for what only training uses
 */
export function writeSavedModel(graph: Graph, weights: Weights): Uint8Array {
  const { nodes, inputs, outputs } = frozenNodes(graph, { weights, convolutions: 'stock', target: 'savedmodel' });
  return savedModel
    .encode({
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
    } as unknown as protobuf.Message)
    .finish();
}

function tensorInfos(ports: ReadonlyMap<string, Port>): Record<string, unknown> {
  return Object.fromEntries(
    [...ports].map(([name, { node, type }]) => [
      name,
      {
        name: `${node}:0`,
        dtype: DATA_TYPE[type.dtype],
        tensorShape: { dim: type.shape.map((size) => ({ size })) },
      },
    ]),
  );
}
