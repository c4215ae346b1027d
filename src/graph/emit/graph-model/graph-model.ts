import type { Graph } from '../../graph.js';
import type { DType, HostValue } from '../../host-value.js';
import type { NodeAttr, NodeDef } from '../../tensorflow/node-def.js';
import { frozenNodes, type Port } from '../frozen/frozen-nodes.js';
import type { Weights } from '../host-tensors.js';
import { foldGeluScale } from './fold-gelu-scale.js';

/** The parts of a TF.js GraphModel: what its `model.json` says, and the constants that go into weight files. */
export interface GraphModelParts {
  /** The GraphDef as JSON, its constants without values. */
  readonly modelTopology: Readonly<Record<string, unknown>>;
  readonly signature: Readonly<Record<string, unknown>>;
  /** In the order of the nodes. */
  readonly constants: readonly (readonly [name: string, value: HostValue])[];
}

const TYPE_NAME: Readonly<Record<DType, string>> = {
  float32: 'DT_FLOAT',
  int32: 'DT_INT32',
  bool: 'DT_BOOL',
};

/**
 * A graph as a TF.js GraphModel of stock operations, for `tf.loadGraphModel` on every backend.
 *
 * @throws UserError naming the operation and the module for what only training uses
 */
export function graphModelParts(graph: Graph, weights: Weights): GraphModelParts {
  const { nodes, inputs, outputs } = frozenNodes(foldGeluScale(graph, weights), {
    weights,
    convolutions: 'tfjs',
    target: 'graph',
  });
  return {
    modelTopology: { node: nodes.map(nodeJson), versions: { producer: 1087 } },
    signature: { inputs: portsJson(inputs), outputs: portsJson(outputs) },
    constants: nodes.flatMap(({ name, op, attrs }) =>
      op === 'Const' && 'tensor' in attrs.value! ? [[name, attrs.value.tensor] as const] : [],
    ),
  };
}

function nodeJson({ name, op, inputs, attrs }: NodeDef): Record<string, unknown> {
  const attr = Object.fromEntries(Object.entries(attrs).map(([key, value]) => [key, attrJson(value)]));
  return { name, op, ...(inputs.length > 0 && { input: inputs }), attr };
}

function attrJson(attr: NodeAttr): Record<string, unknown> {
  if ('type' in attr) return { type: TYPE_NAME[attr.type] };
  if ('int' in attr) return { i: String(attr.int) };
  if ('ints' in attr) return { list: { i: attr.ints.map(String) } };
  if ('float' in attr) return { f: attr.float };
  if ('bool' in attr) return { b: attr.bool };
  if ('text' in attr) return { s: base64(attr.text) };
  if ('texts' in attr) return { list: { s: attr.texts.map(base64) } };
  if ('shape' in attr) return { shape: shapeJson(attr.shape) };
  // Values are in the weight files.
  return { tensor: { dtype: TYPE_NAME[attr.tensor.dtype], tensorShape: shapeJson(attr.tensor.shape) } };
}

function shapeJson(shape: readonly number[]): Record<string, unknown> {
  return { dim: shape.map((size) => ({ size: String(size) })) };
}

function portsJson(ports: ReadonlyMap<string, Port>): Record<string, unknown> {
  return Object.fromEntries(
    [...ports].map(([name, { node, type }]) => [
      name,
      { name: `${node}:0`, dtype: TYPE_NAME[type.dtype], tensorShape: shapeJson(type.shape) },
    ]),
  );
}

function base64(text: string): string {
  return btoa(text);
}
