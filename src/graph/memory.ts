import { sizeOf } from './host-value.js';
import type { Graph, GraphNode, Ref } from './graph.js';

/** Every number of a tensor takes so many bytes; a bool takes one, which nothing here notices. */
const BYTES = 4;

/**
 * The most bytes that the tensors of a run take at one time, variables left out: each is there from the node that makes it to the last one that reads it, in
 * the order of the graph. A reshaped tensor is the same memory. What single operations take while they run is not counted.
 *
 * @param batch what an open length of a shape stands for
 */
export function peakBytes(graph: Graph, batch = 1): number {
  const owners = new Map<GraphNode, Ref>();
  const owner = (ref: Ref): Ref => owners.get(ref.node) ?? ref;
  const last = new Map<GraphNode, number[]>();
  const keep = ({ node, output }: Ref, until: number): void => {
    const ends = last.get(node) ?? [];
    ends[output] = until;
    last.set(node, ends);
  };
  graph.nodes.forEach((node, at) => {
    if (node.op === 'Reshape') owners.set(node, owner(node.inputs[0]!));
    for (const input of node.inputs) keep(owner(input), at);
  });
  for (const result of graph.results) keep(owner(result), graph.nodes.length);

  const ends: number[][] = graph.nodes.map(() => []);
  let now = 0;
  let peak = 0;
  graph.nodes.forEach((node, at) => {
    if (node.op !== 'Variable' && node.op !== 'Const' && node.op !== 'Reshape' && node.op !== 'AdamW')
      node.outputs.forEach(({ shape }, output) => {
        const bytes = BYTES * sizeOf(shape.map((length) => (length < 0 ? batch : length)));
        const until = last.get(node)?.[output] ?? at;
        now += bytes;
        ends[Math.min(until, graph.nodes.length - 1)]!.push(bytes);
      });
    peak = Math.max(peak, now);
    for (const bytes of ends[at]!) now -= bytes;
  });
  return peak;
}
