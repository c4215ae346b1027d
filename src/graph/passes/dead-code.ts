import { Graph, type GraphNode } from '../graph.js';
import { copyNode } from './rewrite.js';
import type { Ref } from '../graph.js';

/** Leaves out what no result depends on. Inputs stay: they are what the graph is called with. */
export function removeDeadCode(graph: Graph): Graph {
  const alive = new Set<GraphNode>();
  const waiting = graph.results.map(({ node }) => node);
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (alive.has(node)) continue;
    alive.add(node);
    waiting.push(...node.inputs.map((input) => input.node));
  }
  const to = new Graph();
  const copies = new Map<GraphNode, readonly Ref[]>();
  const mapped = ({ node, output }: Ref): Ref => copies.get(node)![output]!;
  for (const node of graph.nodes)
    if (alive.has(node) || node.op === 'Input') copies.set(node, copyNode(node, node.inputs.map(mapped), to));
  for (const [name, ref] of graph.outputs) to.outputs.set(name, mapped(ref));
  for (const [name, ref] of graph.updates) to.updates.set(name, mapped(ref));
  return to;
}
