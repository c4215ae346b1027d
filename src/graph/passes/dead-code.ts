import type { Graph, GraphNode } from '../graph.js';
import { rewriteGraph } from './rewrite.js';

/** Leaves out what no result depends on. Inputs stay: they are what the graph is called with. */
export function removeDeadCode(graph: Graph): Graph {
  const alive = new Set<GraphNode>();
  const waiting = graph.results.map(({ node }) => node);
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (alive.has(node)) continue;
    alive.add(node);
    waiting.push(...node.inputs.map((input) => input.node));
  }
  return rewriteGraph(graph, (node) => (alive.has(node) || node.op === 'Input' ? undefined : []));
}
