import protobuf from 'protobufjs/light.js';

/*
 * The messages of onnx.proto (IR versions 8 and 9) that are written, with their field numbers, which never change.
 */

const repeated = (type: string, id: number) => ({ rule: 'repeated', type, id });

const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: { type: 'int64', id: 1 },
        producerName: { type: 'string', id: 2 },
        graph: { type: 'GraphProto', id: 7 },
        opsetImport: repeated('OperatorSetIdProto', 8),
        metadataProps: repeated('StringStringEntryProto', 14),
      },
    },
    OperatorSetIdProto: { fields: { domain: { type: 'string', id: 1 }, version: { type: 'int64', id: 2 } } },
    StringStringEntryProto: { fields: { key: { type: 'string', id: 1 }, value: { type: 'string', id: 2 } } },
    GraphProto: {
      fields: {
        node: repeated('NodeProto', 1),
        name: { type: 'string', id: 2 },
        initializer: repeated('TensorProto', 5),
        input: repeated('ValueInfoProto', 11),
        output: repeated('ValueInfoProto', 12),
      },
    },
    NodeProto: {
      fields: {
        input: repeated('string', 1),
        output: repeated('string', 2),
        name: { type: 'string', id: 3 },
        opType: { type: 'string', id: 4 },
        attribute: repeated('AttributeProto', 5),
      },
    },
    AttributeProto: {
      fields: {
        name: { type: 'string', id: 1 },
        f: { type: 'float', id: 2 },
        i: { type: 'int64', id: 3 },
        s: { type: 'bytes', id: 4 },
        ints: repeated('int64', 8),
        type: { type: 'int32', id: 20 },
      },
    },
    TensorProto: {
      fields: {
        dims: repeated('int64', 1),
        dataType: { type: 'int32', id: 2 },
        name: { type: 'string', id: 8 },
        rawData: { type: 'bytes', id: 9 },
      },
    },
    ValueInfoProto: { fields: { name: { type: 'string', id: 1 }, type: { type: 'TypeProto', id: 2 } } },
    TypeProto: {
      fields: { tensorType: { type: 'Tensor', id: 1 } },
      nested: {
        Tensor: {
          fields: { elemType: { type: 'int32', id: 1 }, shape: { type: 'TensorShapeProto', id: 2 } },
        },
      },
    },
    TensorShapeProto: {
      fields: { dim: repeated('Dimension', 1) },
      nested: {
        Dimension: {
          oneofs: { value: { oneof: ['dimValue', 'dimParam'] } },
          fields: { dimValue: { type: 'int64', id: 1 }, dimParam: { type: 'string', id: 2 } },
        },
      },
    },
  },
});
const modelProto = root.lookupType('ModelProto');

/** ONNX' TensorProto.DataType. */
export const ELEMENT_TYPE = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
} as const;
export type ElementType = keyof typeof ELEMENT_TYPE;

/** AttributeProto.AttributeType. */
const ATTRIBUTE_TYPE = { float: 1, int: 2, text: 3, ints: 7 } as const;

export type OnnxAttr =
  | { readonly float: number }
  | { readonly int: number }
  | { readonly text: string }
  | { readonly ints: readonly number[] };

export interface OnnxNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: string[];
  readonly attrs: Readonly<Record<string, OnnxAttr>>;
}

export interface OnnxTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

export interface OnnxValueInfo {
  readonly name: string;
  readonly type: ElementType;
  /** A text stands for a length that is open. */
  readonly shape: readonly (number | string)[];
}

export interface OnnxModel {
  readonly opset: number;
  readonly graphName: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** The bytes of an `.onnx` file. */
export function encodeOnnx(model: OnnxModel): Uint8Array {
  return modelProto
    .encode({
      irVersion: model.opset < 20 ? 8 : 9,
      producerName: 'recnext',
      opsetImport: [{ domain: '', version: model.opset }],
      metadataProps: Object.entries(model.metadata).map(([key, value]) => ({ key, value })),
      graph: {
        name: model.graphName,
        node: model.nodes.map(({ name, op, inputs, outputs, attrs }) => ({
          name,
          opType: op,
          input: inputs,
          output: outputs,
          attribute: Object.entries(attrs).map(([key, attr]) => attributeMessage(key, attr)),
        })),
        initializer: model.initializers.map(({ name, type, shape, data }) => ({
          name,
          dims: shape,
          dataType: ELEMENT_TYPE[type],
          rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
        })),
        input: model.inputs.map(valueInfoMessage),
        output: model.outputs.map(valueInfoMessage),
      },
    } as unknown as protobuf.Message)
    .finish();
}

function attributeMessage(name: string, attr: OnnxAttr): Record<string, unknown> {
  if ('float' in attr) return { name, type: ATTRIBUTE_TYPE.float, f: attr.float };
  if ('int' in attr) return { name, type: ATTRIBUTE_TYPE.int, i: attr.int };
  if ('text' in attr) return { name, type: ATTRIBUTE_TYPE.text, s: new TextEncoder().encode(attr.text) };
  return { name, type: ATTRIBUTE_TYPE.ints, ints: attr.ints };
}

function valueInfoMessage({ name, type, shape }: OnnxValueInfo): Record<string, unknown> {
  const dim = shape.map((length) =>
    typeof length === 'string' ? { dimParam: length } : { dimValue: length },
  );
  return { name, type: { tensorType: { elemType: ELEMENT_TYPE[type], shape: { dim } } } };
}
