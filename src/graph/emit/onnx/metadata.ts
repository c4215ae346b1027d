import protobuf from 'protobufjs/light.js';

/** Of onnx.proto only this: everything else is passed over unread. */
const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: { fields: { metadataProps: { rule: 'repeated', type: 'Entry', id: 14 } } },
    Entry: { fields: { key: { type: 'string', id: 1 }, value: { type: 'string', id: 2 } } },
  },
});
const modelProto = root.lookupType('ModelProto');

/** What the file of an ONNX model says of itself, by key. Throws where the bytes are no protobuf message. */
export function onnxMetadata(bytes: Uint8Array): Map<string, string> {
  const { metadataProps } = modelProto.decode(bytes) as unknown as {
    metadataProps: { key: string; value: string }[];
  };
  return new Map(metadataProps.map(({ key, value }) => [key, value]));
}
