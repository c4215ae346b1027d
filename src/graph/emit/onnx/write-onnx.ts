import { typeOf, type Graph, type GraphNode, type TensorType } from '../../graph.js';
import { OPEN } from '../../open-batch.js';
import type { Op } from '../../ops.js';
import { placed, plainOrder, type AxisOrder } from '../axis-order.js';
import { unsupported } from '../emit-error.js';
import type { HalfEncoder, Weights } from '../host-tensors.js';
import { imageOrder } from '../order-rules.js';
import { PlacedTensors } from '../placed-tensors.js';
import { elementwise } from './lower/elementwise.js';
import { images } from './lower/images.js';
import type { OnnxLower, OnnxLowerOptions } from './lower/lowering.js';
import { shapes } from './lower/shapes.js';
import { OnnxBuilder } from './onnx-builder.js';
import { encodeOnnx, type OnnxModel, type OnnxValueInfo } from './proto.js';

export interface OnnxOptions extends Pick<OnnxLowerOptions, 'ranges'> {
  /** Values of the graph's variables, which become initializers in PyTorch's layout. */
  readonly weights: Weights;
  /** Names of inputs and outputs in the file, by those of the graph. Default: the same. */
  readonly names?: Readonly<Record<string, string>>;
  /** Order of images that go in: channels first (default), or last as in the graph. */
  readonly images?: 'nchw' | 'nhwc';
  /** Stores weights as float16; they are widened when the file is loaded, and computed with in float32. */
  readonly half?: HalfEncoder;
  /** Texts to be kept in the file, by key. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const LOWER = { ...elementwise, ...images, ...shapes };

/**
 * A graph as an ONNX model (opset 17; 20 with operations in 8 bits): channels first throughout, weights frozen, an open batch open.
 *
 * @throws UserError naming the operation and the module for what only training uses
 */
export function writeOnnx(graph: Graph, options: OnnxOptions): Uint8Array {
  return encodeOnnx(onnxModel(graph, options));
}

/** The same, unencoded. */
export function onnxModel(
  graph: Graph,
  { weights, names = {}, images: layout = 'nchw', half, metadata = {}, ranges }: OnnxOptions,
): OnnxModel {
  const options: OnnxLowerOptions = { ranges, opset: ranges === undefined ? 17 : 20 };
  const to = new OnnxBuilder(half);
  const tensors = new PlacedTensors(to, weights);
  const inputs: OnnxValueInfo[] = [];
  const outputs: OnnxValueInfo[] = [...graph.outputs].map(([name, ref]) =>
    valueInfo(to.reserve(names[name] ?? name), typeOf(ref)),
  );
  for (const node of graph.nodes) {
    to.scope = node.scope;
    if (node.op === 'Variable' || node.op === 'Const') continue;
    if (node.op === 'Input') {
      const [type] = node.outputs as [TensorType];
      const rank = type.shape.length;
      const order = layout === 'nchw' ? imageOrder(rank) : plainOrder(rank);
      const info = valueInfo(to.reserve(names[node.attrs.name] ?? node.attrs.name), type, order);
      inputs.push(info);
      tensors.set(node, [{ name: info.name, order }]);
      continue;
    }
    tensors.set(node, [lower(node)(node, tensors, options)]);
  }
  to.scope = '';
  [...graph.outputs.values()].forEach((ref, i) => {
    to.rename(tensors.name(ref, plainOrder(typeOf(ref).shape.length)), outputs[i]!.name);
  });
  const { nodes, initializers } = to;
  return { opset: options.opset, graphName: 'recnext', nodes, initializers, inputs, outputs, metadata };
}

function lower(node: GraphNode): OnnxLower<Op> {
  const found = (LOWER as Partial<Record<Op, OnnxLower<Op>>>)[node.op];
  if (found === undefined) throw unsupported(node, 'onnx');
  return found;
}

function valueInfo(
  name: string,
  { dtype, shape }: TensorType,
  order: AxisOrder = plainOrder(shape.length),
): OnnxValueInfo {
  return {
    name,
    type: dtype,
    shape: placed(shape, order).map((length) => (length === OPEN ? 'batch' : length)),
  };
}
