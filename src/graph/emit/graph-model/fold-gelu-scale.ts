import type { Graph, GraphNode, Ref, TensorType } from '../../graph.js';
import type { HostValue } from '../../host-value.js';
import { countUses, rewriteGraph } from '../../passes/rewrite.js';
import { hostValueOf, type Weights } from '../host-tensors.js';

type Conv = Extract<GraphNode, { op: 'Conv2d' }>;

/**
 * Where runtimes compute a GELU between two convolutions operation by operation, takes two of its five passes over memory away: with h = x/√2 it is
 * (1/√2) · h · (1 + erf h) · … = x/2 · (1 + erf(x/√2)) if the convolution before gives h, and the ones after take h · (1 + erf h) with filters divided by √2.
 *
 * @returns the graph, with the changed weights as constants
 */
export function foldGeluScale(graph: Graph, weights: Weights): Graph {
  const uses = countUses(graph);
  const readers = new Map<GraphNode, { readonly node: GraphNode; readonly place: number }[]>();
  for (const node of graph.nodes)
    node.inputs.forEach((input, place) =>
      readers.set(input.node, [...(readers.get(input.node) ?? []), { node, place }]),
    );
  const constant = (ref: Ref | undefined): boolean =>
    ref === undefined || hostValueOf(ref, weights) !== undefined;
  const scaledOutput = new Set<GraphNode>();
  const scaledInput = new Set<GraphNode>();
  const folded = new Set<GraphNode>();
  for (const gelu of graph.nodes) {
    if (gelu.op !== 'Gelu') continue;
    const before = gelu.inputs[0]!;
    const after = readers.get(gelu) ?? [];
    if (before.node.op !== 'Conv2d' || before.node.attrs.activation !== undefined || uses(before) > 1)
      continue;
    if (!before.node.inputs.slice(1).every(constant) || after.length < uses({ node: gelu, output: 0 }))
      continue;
    if (!after.every(({ node, place }) => node.op === 'Conv2d' && place === 0 && constant(node.inputs[1])))
      continue;
    folded.add(gelu);
    scaledOutput.add(before.node);
    after.forEach(({ node }) => scaledInput.add(node));
  }
  return rewriteGraph(graph, (node, inputs, to) => {
    const scaled = (ref: Ref, factor: number): Ref => {
      const value = hostValueOf(ref, weights)!;
      const { dtype, shape } = value;
      return to.one('Const', { value: times(value, factor) }, [], { dtype, shape }, node);
    };
    if (node.op === 'Conv2d' && (scaledOutput.has(node) || scaledInput.has(node))) {
      const [, filter, bias] = node.inputs as Conv['inputs'] as [Ref, Ref, Ref?];
      const outward = scaledOutput.has(node) ? Math.SQRT1_2 : 1;
      const inward = scaledInput.has(node) ? Math.SQRT1_2 : 1;
      return [
        to.one(
          'Conv2d',
          node.attrs,
          [
            inputs[0]!,
            scaled(filter, outward * inward),
            ...(bias === undefined ? [] : [outward === 1 ? inputs[2]! : scaled(bias, outward)]),
          ],
          node.outputs[0]!,
          node,
        ),
      ];
    }
    if (!folded.has(node)) return undefined;
    const [h] = inputs as [Ref];
    const [type] = node.outputs as [TensorType];
    const one: HostValue = { dtype: 'float32', shape: [], data: Float32Array.of(1) };
    const erf = to.one('Erf', {}, [h], type, node);
    const sum = to.one('Add', {}, [erf, to.one('Const', { value: one }, [], one, node)], type, node);
    return [to.one('Mul', {}, [h, sum], type, node)];
  });
}

function times({ dtype, shape, data }: HostValue, factor: number): HostValue {
  return { dtype, shape, data: Float32Array.from(data, (value) => value * factor) };
}
