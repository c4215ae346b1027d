import protobuf from 'protobufjs/light.js';

/** What TensorFlow's loaders look for. */
export const TAG = 'serve';
export const SIGNATURE = 'serving_default';

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
export const SavedModel = root.lookupType('SavedModel');
