import protobuf from 'protobufjs/light.js';

/** Just enough of a GraphDef for graphs of some nodes, written by hand: independent of the encoder that the program uses. */
const root = protobuf.Root.fromJSON({
  nested: {
    Dim: { fields: { size: { type: 'int64', id: 1 } } },
    Shape: { fields: { dim: { rule: 'repeated', type: 'Dim', id: 2 } } },
    Tensor: {
      fields: {
        dtype: { type: 'int32', id: 1 },
        tensorShape: { type: 'Shape', id: 2 },
        tensorContent: { type: 'bytes', id: 4 },
      },
    },
    IntList: { fields: { i: { rule: 'repeated', type: 'int64', id: 3 } } },
    Attr: {
      oneofs: { value: { oneof: ['list', 's', 'i', 'f', 'b', 'type', 'shape', 'tensor'] } },
      fields: {
        list: { type: 'IntList', id: 1 },
        s: { type: 'bytes', id: 2 },
        i: { type: 'int64', id: 3 },
        f: { type: 'float', id: 4 },
        b: { type: 'bool', id: 5 },
        type: { type: 'int32', id: 6 },
        shape: { type: 'Shape', id: 7 },
        tensor: { type: 'Tensor', id: 8 },
      },
    },
    AttrEntry: { fields: { key: { type: 'string', id: 1 }, value: { type: 'Attr', id: 2 } } },
    Node: {
      fields: {
        name: { type: 'string', id: 1 },
        op: { type: 'string', id: 2 },
        input: { rule: 'repeated', type: 'string', id: 3 },
        attr: { rule: 'repeated', type: 'AttrEntry', id: 5 },
      },
    },
    Versions: { fields: { producer: { type: 'int32', id: 1 } } },
    Graph: {
      fields: {
        node: { rule: 'repeated', type: 'Node', id: 1 },
        versions: { type: 'Versions', id: 4 },
      },
    },
  },
});

export const FLOAT = 1;
export const INT32 = 3;

export type AttrValue =
  | { type: number }
  | { i: number }
  | { f: number }
  | { b: boolean }
  | { s: string }
  | { ints: readonly number[] }
  | { shape: readonly number[] }
  | { floats: Float32Array; shape: readonly number[] }
  | { int32s: Int32Array; shape: readonly number[] };

export interface TinyNode {
  name: string;
  op: string;
  input?: readonly string[];
  attr?: Readonly<Record<string, AttrValue>>;
}

const shapeOf = (sizes: readonly number[]) => ({ dim: sizes.map((size) => ({ size })) });

const tensorOf = (dtype: number, data: Float32Array | Int32Array, shape: readonly number[]) => ({
  tensor: {
    dtype,
    tensorShape: shapeOf(shape),
    tensorContent: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  },
});

function encodeAttr(value: AttrValue): object {
  if ('floats' in value) return tensorOf(FLOAT, value.floats, value.shape);
  if ('int32s' in value) return tensorOf(INT32, value.int32s, value.shape);
  if ('shape' in value) return { shape: shapeOf(value.shape) };
  if ('ints' in value) return { list: { i: value.ints } };
  if ('s' in value) return { s: Buffer.from(value.s) };
  return value;
}

/** A serialised GraphDef. */
export function tinyGraph(nodes: readonly TinyNode[]): Uint8Array {
  const type = root.lookupType('Graph');
  const node = nodes.map(({ name, op, input = [], attr = {} }) => ({
    name,
    op,
    input: [...input],
    attr: Object.entries(attr).map(([key, value]) => ({ key, value: encodeAttr(value) })),
  }));
  return type.encode(type.fromObject({ node, versions: { producer: 1645 } })).finish();
}

const T = { T: { type: FLOAT } };

export const placeholder = (name: string, dtype = FLOAT): TinyNode => ({
  name,
  op: 'Placeholder',
  attr: { dtype: { type: dtype } },
});

export const floatOp = (name: string, op: string, ...input: string[]): TinyNode => ({
  name,
  op,
  input,
  attr: T,
});

export const constant = (name: string, floats: readonly number[], shape: readonly number[]): TinyNode => ({
  name,
  op: 'Const',
  attr: { dtype: { type: FLOAT }, value: { floats: Float32Array.from(floats), shape } },
});

/** A variable `name`, the node that reads it (`name/read`) and one that sets it to the node `value` (`name/assign`). */
export const variable = (name: string, shape: readonly number[], value: string): TinyNode[] => {
  const dtype = { dtype: { type: FLOAT } };
  return [
    { name, op: 'VarHandleOp', attr: { ...dtype, shape: { shape }, shared_name: { s: name } } },
    { name: `${name}/read`, op: 'ReadVariableOp', input: [name], attr: dtype },
    { name: `${name}/assign`, op: 'AssignVariableOp', input: [name, value], attr: dtype },
  ];
};
