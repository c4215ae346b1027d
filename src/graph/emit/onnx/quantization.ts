import { Graph, shapeOf, typeOf, type GraphNode, type Ref } from '../../graph.js';
import type { HostValue } from '../../host-value.js';
import type { OnnxBuilder } from './onnx-builder.js';

/** The smallest and the largest value of a tensor, over all images looked at. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** By `tensorKey`. */
export type Ranges = ReadonlyMap<string, Range>;

type Conv = Extract<GraphNode, { op: 'Conv2d' }>;

export function tensorKey({ node, output }: Ref): string {
  return `${node.id}:${output}`;
}

/**
 * The convolutions that are worth computing in 8 bits: 1×1 ones. The others are slower in onnxruntime than in float32.
 */
export function isQuantizable(node: GraphNode): node is Conv {
  if (node.op !== 'Conv2d') return false;
  const [height, width] = shapeOf(node.inputs[1]!);
  return height === 1 && width === 1 && node.attrs.groups === 1;
}

/** The graph with other outputs: `min KEY` and `max KEY` of every tensor whose range must be known to quantize it. */
export function observedGraph(graph: Graph): Graph {
  const observed = new Graph();
  observed.nodes.push(...graph.nodes);
  for (const node of graph.nodes) {
    if (!isQuantizable(node)) continue;
    for (const ref of [node.inputs[0]!, { node, output: 0 }]) {
      const axes = shapeOf(ref).map((_, axis) => axis);
      const scalar = { dtype: typeOf(ref).dtype, shape: [] };
      for (const [name, op] of [
        ['min', 'Min'],
        ['max', 'Max'],
      ] as const)
        observed.outputs.set(
          `${name} ${tensorKey(ref)}`,
          observed.one(op, { axes, keepDims: false }, [ref], scalar, node),
        );
    }
  }
  return observed;
}

/** A float tensor as the 8 bits of it, as two nodes that onnxruntime fuses into what comes before and after. */
export class QuantizedTensor {
  private readonly scale: number;
  private readonly zeroPoint: number;

  /** Zero is one of the 256 levels: paddings and ReLUs stay exact. */
  constructor({ min, max }: Range) {
    const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
    this.scale = Math.fround(high === low ? 1 : (high - low) / 255);
    this.zeroPoint = Math.min(255, Math.max(0, Math.round(-low / this.scale)));
  }

  write(to: OnnxBuilder, x: string): string {
    const parameters = [to.scalar(this.scale), to.initializer('uint8', [], Uint8Array.of(this.zeroPoint))];
    return to.add('DequantizeLinear', [to.add('QuantizeLinear', [x, ...parameters]), ...parameters]);
  }

  /** Filter and bias of a convolution of this tensor: 8 bits with a scale for each output channel, and 32 bits. */
  writeWeights(
    to: OnnxBuilder,
    filter: HostValue,
    bias: HostValue | undefined,
    name: string | undefined,
  ): string[] {
    const [outputs] = filter.shape as [number];
    const size = filter.data.length / outputs;
    const scales = Float32Array.from({ length: outputs }, (_, i) => {
      const largest = Math.max(...filter.data.subarray(i * size, (i + 1) * size).map(Math.abs));
      return largest === 0 ? 1 : largest / 127;
    });
    const levels = Int8Array.from(filter.data, (value, i) =>
      Math.round(value / scales[Math.floor(i / size)]!),
    );
    const axis = { axis: { int: 0 } };
    const weights = to.add(
      'DequantizeLinear',
      [
        to.initializer('int8', filter.shape, levels, name),
        to.initializer('float32', [outputs], scales, `${name ?? 'filter'}.scale`),
        to.initializer('int8', [outputs], new Int8Array(outputs), `${name ?? 'filter'}.zero_point`),
      ],
      axis,
    );
    if (bias === undefined) return [weights];
    const biasScales = scales.map((scale) => scale * this.scale);
    const sums = Int32Array.from(bias.data, (value, i) => Math.round(value / biasScales[i]!));
    const summand = to.add(
      'DequantizeLinear',
      [to.initializer('int32', [outputs], sums), to.initializer('float32', [outputs], biasScales)],
      axis,
    );
    return [weights, summand];
  }
}
