import type { Graph, Ref } from '../graph.js';
import type { HostValue } from '../host-value.js';
import { countUses, rewriteGraph } from './rewrite.js';

/** Weights by name, and the changed ones a pass adds. */
export type Weights = ReadonlyMap<string, HostValue>;

/**
 * Folds the batch norm after a convolution (inference form) into the convolution's filter and bias, in double precision.
 *
 * @param weights values of the graph's variables
 * @returns the graph, with the folded weights as constants
 */
export function foldBatchNorm(graph: Graph, weights: Weights): Graph {
  const uses = countUses(graph);
  const value = ({ node }: Ref): HostValue | undefined =>
    node.op === 'Const'
      ? node.attrs.value
      : node.op === 'Variable'
        ? weights.get(node.attrs.name)
        : undefined;
  return rewriteGraph(graph, (node, inputs, to) => {
    if (node.op !== 'BatchNorm') return undefined;
    const [x, ...statistics] = node.inputs as [Ref, Ref, Ref, Ref, Ref];
    const conv = x.node;
    if (conv.op !== 'Conv2d' || conv.attrs.activation !== undefined || uses(x) > 1) return undefined;
    const values = [...statistics, ...conv.inputs.slice(1)].map(value);
    if (!values.every((known) => known !== undefined)) return undefined;
    const [mean, variance, beta, gamma, filter, bias] = values as [
      HostValue,
      HostValue,
      HostValue,
      HostValue,
      HostValue,
      HostValue?,
    ];
    const scale = Array.from(gamma.data, (g, i) => g / Math.sqrt(variance.data[i]! + node.attrs.epsilon));
    const shift = scale.map((s, i) => beta.data[i]! + ((bias?.data[i] ?? 0) - mean.data[i]!) * s);
    const constant = (shape: readonly number[], data: Float32Array): Ref =>
      to.one('Const', { value: { dtype: 'float32', shape, data } }, [], { dtype: 'float32', shape }, conv);
    return [
      to.one(
        'Conv2d',
        conv.attrs,
        [
          inputs[0]!.node.inputs[0]!,
          constant(filter.shape, scaled(filter, scale, conv.attrs.groups)),
          constant([shift.length], Float32Array.from(shift)),
        ],
        node.outputs[0]!,
        conv,
      ),
    ];
  });
}

/** A filter `[kh, kw, in, out / groups]` times one number an output channel. */
function scaled({ shape, data }: HostValue, scale: readonly number[], groups: number): Float32Array {
  const [, , rows, outputs] = shape as [number, number, number, number];
  return Float32Array.from(data, (weight, i) => {
    const group = Math.floor((Math.floor(i / outputs) % rows) / (rows / groups));
    return weight * scale[group * outputs + (i % outputs)]!;
  });
}
