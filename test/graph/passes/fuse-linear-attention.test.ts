import { afterAll, describe, expect, it } from 'vitest';
import { forwardGraph } from '../../../src/graph/forward-graph.js';
import type { Graph, GraphNode, Ref } from '../../../src/graph/graph.js';
import { fuseLinearAttention } from '../../../src/graph/passes/fuse-linear-attention.js';
import { prepareInference } from '../../../src/graph/passes/index.js';
import { rewriteGraph } from '../../../src/graph/passes/rewrite.js';
import { buildModel } from '../../../src/models/index.js';

const model = buildModel('recnext_a0', { numClasses: 3 });
afterAll(() => model.dispose());

const traced = (side: number): Graph => prepareInference(forwardGraph(model, { height: side, width: side }));

const count = (graph: Graph, op: string): number => graph.nodes.filter((node) => node.op === op).length;

/** The graph with the nodes that `wanted` names changed. */
const changed = (
  graph: Graph,
  change: (node: GraphNode, inputs: readonly Ref[], to: Graph) => Ref | undefined,
): Graph =>
  rewriteGraph(graph, (node, inputs, to) => {
    const ref = change(node, inputs, to);
    return ref === undefined ? undefined : [ref];
  });

describe('linear attention becomes one node', () => {
  // At 224 the products of keys and values come first; at 64 later stages have fewer positions than a head has channels.
  it.each([224, 64])('at %i pixels', (side) => {
    const graph = traced(side);
    const layers = count(graph, 'Div');
    expect(layers).toBe(14);
    const fused = fuseLinearAttention(graph);
    expect(count(fused, 'LinearAttention')).toBe(layers);
    for (const op of ['Div', 'Transpose', 'Elu', 'Slice']) expect(count(fused, op), op).toBe(0);
    const [first] = fused.nodes.filter(({ op }) => op === 'LinearAttention');
    expect(first!.attrs).toEqual({ heads: 2, epsilon: Math.fround(1e-6) });
    expect(first!.inputs.map(({ node, output }) => node.outputs[output]!.shape.at(-1))).toEqual([80, 40]);
  });

  it('takes what is added afterwards as well', () => {
    const fused = prepareInference(forwardGraph(model, { height: 224, width: 224 }), { nativeOps: true });
    const layers = fused.nodes.filter(({ op }) => op === 'LinearAttention');
    expect(layers).toHaveLength(14);
    for (const { inputs } of layers) expect(inputs).toHaveLength(3);
  });

  const EXCEPTIONS: Record<string, Parameters<typeof changed>[1]> = {
    'keys that are no means': (node, inputs, to) =>
      node.op === 'Mul' && inputs.some(({ node: { op } }) => op === 'Const')
        ? to.one('Add', {}, inputs, node.outputs[0]!, node)
        : undefined,
    'other features': (node, inputs, to) =>
      node.op === 'Elu' ? to.one('Relu', {}, inputs, node.outputs[0]!, node) : undefined,
    'keys before queries': (node, inputs, to) =>
      node.op === 'Slice'
        ? to.one(
            'Slice',
            {
              ...node.attrs,
              begin: node.attrs.begin.map((from, axis) =>
                axis === 3 ? node.outputs[0]!.shape[3]! - from : from,
              ),
            },
            inputs,
            node.outputs[0]!,
            node,
          )
        : undefined,
    'a difference for the quotient': (node, inputs, to) =>
      node.op === 'Div' ? to.one('Sub', {}, inputs, node.outputs[0]!, node) : undefined,
  };
  it.each(Object.keys(EXCEPTIONS))('but not with %s', (name) => {
    const graph = changed(traced(224), EXCEPTIONS[name]!);
    expect(count(fuseLinearAttention(graph), 'LinearAttention')).toBe(0);
  });
});
