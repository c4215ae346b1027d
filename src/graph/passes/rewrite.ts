import { Graph, outputsOf, type GraphNode, type Ref } from '../graph.js';

/**
 * What a node becomes: references to its outputs in the new graph; undefined: itself.
 *
 * @param inputs the node's inputs in the new graph
 * @param to the new graph, to add nodes to
 * @param mapped what an output of an earlier node has become
 */
export type Rewrite = (
  node: GraphNode,
  inputs: readonly Ref[],
  to: Graph,
  mapped: (ref: Ref) => Ref,
) => readonly Ref[] | undefined;

/** Copies a graph node by node, putting in place of each what `rewrite` says. */
export function rewriteGraph(graph: Graph, rewrite: Rewrite): Graph {
  const to = new Graph();
  const outputs: (readonly Ref[])[] = [];
  const mapped = ({ node, output }: Ref): Ref => outputs[node.id]![output]!;
  for (const node of graph.nodes) {
    const inputs = node.inputs.map(mapped);
    outputs[node.id] = rewrite(node, inputs, to, mapped) ?? copyNode(node, inputs, to);
  }
  for (const [name, ref] of graph.outputs) to.outputs.set(name, mapped(ref));
  for (const [name, ref] of graph.updates) to.updates.set(name, mapped(ref));
  return to;
}

/** The same node with other inputs. */
export function copyNode(node: GraphNode, inputs: readonly Ref[], to: Graph): Ref[] {
  return outputsOf(to.add(node.op, node.attrs, inputs, node.outputs, node));
}

/** How often each output is used, by node and by output; results of the graph count as uses. */
export function countUses(graph: Graph): (ref: Ref) => number {
  const uses = new Map<GraphNode, number[]>();
  const add = ({ node, output }: Ref): void => {
    const counts = uses.get(node) ?? [];
    counts[output] = (counts[output] ?? 0) + 1;
    uses.set(node, counts);
  };
  for (const node of graph.nodes) node.inputs.forEach(add);
  graph.results.forEach(add);
  return ({ node, output }) => uses.get(node)?.[output] ?? 0;
}
