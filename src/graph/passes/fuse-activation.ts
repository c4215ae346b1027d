import type { Graph, Ref } from '../graph.js';
import { countUses, rewriteGraph } from './rewrite.js';

/** Makes a ReLU after a convolution part of it. */
export function fuseActivation(graph: Graph): Graph {
  const uses = countUses(graph);
  return rewriteGraph(graph, (node, inputs, to) => {
    if (node.op !== 'Relu') return undefined;
    const [x] = node.inputs as [Ref];
    if (x.node.op !== 'Conv2d' || x.node.attrs.activation !== undefined || uses(x) > 1) return undefined;
    const attrs = { ...x.node.attrs, activation: 'relu' } as const;
    return [to.one('Conv2d', attrs, inputs[0]!.node.inputs, node.outputs[0]!, x.node)];
  });
}
