import protobuf from 'protobufjs/light.js';
import type { DType, HostValue } from '../host-value.js';
import { elementType } from '../../runtime/tensorflow/dtypes.js';
import type { NodeAttr, NodeDef } from './node-def.js';

/** The version of the GraphDef format that is written; every TensorFlow 2 reads it. */
const PRODUCER = 1087;

/** TensorFlow's DataType. */
export const dataType = (dtype: DType): number => elementType(dtype).code;

/** The messages of graph.proto, node_def.proto, attr_value.proto, tensor.proto, tensor_shape.proto and versions.proto that are written, with their field numbers. */
const root = protobuf.Root.fromJSON({
  nested: {
    GraphDef: {
      fields: {
        node: { rule: 'repeated', type: 'NodeDef', id: 1 },
        versions: { type: 'VersionDef', id: 4 },
      },
    },
    VersionDef: { fields: { producer: { type: 'int32', id: 1 } } },
    NodeDef: {
      fields: {
        name: { type: 'string', id: 1 },
        op: { type: 'string', id: 2 },
        input: { rule: 'repeated', type: 'string', id: 3 },
        attr: { keyType: 'string', type: 'AttrValue', id: 5 } as protobuf.IField,
      },
    },
    AttrValue: {
      oneofs: { value: { oneof: ['list', 's', 'i', 'f', 'b', 'type', 'shape', 'tensor'] } },
      fields: {
        list: { type: 'ListValue', id: 1 },
        s: { type: 'bytes', id: 2 },
        i: { type: 'int64', id: 3 },
        f: { type: 'float', id: 4 },
        b: { type: 'bool', id: 5 },
        type: { type: 'int32', id: 6 },
        shape: { type: 'TensorShapeProto', id: 7 },
        tensor: { type: 'TensorProto', id: 8 },
      },
      nested: {
        ListValue: {
          fields: {
            s: { rule: 'repeated', type: 'bytes', id: 2 },
            i: { rule: 'repeated', type: 'int64', id: 3 },
          },
        },
      },
    },
    TensorShapeProto: {
      fields: { dim: { rule: 'repeated', type: 'Dim', id: 2 } },
      nested: { Dim: { fields: { size: { type: 'int64', id: 1 } } } },
    },
    TensorProto: {
      fields: {
        dtype: { type: 'int32', id: 1 },
        tensorShape: { type: 'TensorShapeProto', id: 2 },
        tensorContent: { type: 'bytes', id: 4 },
      },
    },
  },
});
const graphDef = root.lookupType('GraphDef');

/** A GraphDef message that TensorFlow imports. */
export function encodeGraphDef(nodes: readonly NodeDef[]): Uint8Array {
  return graphDef.encode(graphDefMessage(nodes)).finish();
}

/** The same, unencoded: to be put into another message or written as JSON. */
export function graphDefMessage(nodes: readonly NodeDef[]): protobuf.Message {
  return graphDef.fromObject({
    node: nodes.map(({ name, op, inputs, attrs }) => ({
      name,
      op,
      input: inputs,
      attr: Object.fromEntries(Object.entries(attrs).map(([key, attr]) => [key, attrValue(attr)])),
    })),
    versions: { producer: PRODUCER },
  });
}

function attrValue(attr: NodeAttr): Record<string, unknown> {
  if ('type' in attr) return { type: dataType(attr.type) };
  if ('int' in attr) return { i: attr.int };
  if ('ints' in attr) return { list: { i: attr.ints } };
  if ('float' in attr) return { f: attr.float };
  if ('bool' in attr) return { b: attr.bool };
  if ('text' in attr) return { s: utf8(attr.text) };
  if ('texts' in attr) return { list: { s: attr.texts.map(utf8) } };
  if ('shape' in attr) return { shape: shapeMessage(attr.shape) };
  return { tensor: tensorMessage(attr.tensor) };
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function shapeMessage(shape: readonly number[]): Record<string, unknown> {
  return { dim: shape.map((size) => ({ size })) };
}

function tensorMessage({ dtype, shape, data }: HostValue): Record<string, unknown> {
  return {
    dtype: dataType(dtype),
    tensorShape: shapeMessage(shape),
    tensorContent: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}
