import { shapeOf, type Graph, type Ref } from '../graph.js';
import { countUses, rewriteGraph } from './rewrite.js';

/** Makes an addition of one number a channel after a convolution its bias. */
export function fuseBias(graph: Graph): Graph {
  const uses = countUses(graph);
  return rewriteGraph(graph, (node, inputs, to) => {
    if (node.op !== 'Add') return undefined;
    const [a, b] = node.inputs as [Ref, Ref];
    for (const [conv, bias, k] of [
      [a, b, 0],
      [b, a, 1],
    ] as const) {
      const { node: convolution } = conv;
      if (convolution.op !== 'Conv2d' || convolution.inputs.length > 2 || uses(conv) > 1) continue;
      if (convolution.attrs.activation !== undefined) continue;
      const shape = shapeOf(bias);
      const { shape: out } = convolution.outputs[0]!;
      if (shape.length !== 1 || shape[0] !== out[3]) continue;
      const fused = inputs[k]!.node;
      const [x, filter] = fused.inputs as [Ref, Ref];
      return [
        to.one('Conv2d', convolution.attrs, [x, filter, inputs[1 - k]!], node.outputs[0]!, convolution),
      ];
    }
    return undefined;
  });
}
