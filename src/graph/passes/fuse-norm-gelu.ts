import { outputsOf, type Graph, type GraphNode } from '../graph.js';
import { countUses, rewriteGraph } from './rewrite.js';

type Norm = Extract<GraphNode, { op: 'BatchNormTraining' }>;

/**
 * For our own operation of training batch norms: those whose output goes through a GELU, and through nothing else but its gradient, do the GELU as well, forward and
 * backward; nothing of the feature map's size is then kept between the two.
 */
export function fuseNormWithGelu(graph: Graph): Graph {
  const uses = countUses(graph);
  const gelus = new Map<GraphNode, GraphNode>();
  const gradients = new Map<GraphNode, GraphNode>();
  for (const node of graph.nodes) {
    if (node.op === 'Gelu') gelus.set(node.inputs[0]!.node, node);
    if (node.op === 'GeluGrad') gradients.set(node.inputs[1]!.node, node);
  }
  const fused = new Set<GraphNode>();
  for (const node of graph.nodes)
    if (node.op === 'BatchNormTraining') {
      const [gelu, gradient] = [gelus.get(node), gradients.get(node)];
      if (gelu !== undefined && gradient !== undefined && uses({ node, output: 0 }) === 2) fused.add(node);
    }

  return rewriteGraph(graph, (node, inputs, to) => {
    switch (node.op) {
      case 'BatchNormTraining': {
        const attrs = { ...node.attrs, gelu: fused.has(node) };
        return outputsOf(to.add(node.op, attrs, inputs, node.outputs, node));
      }
      case 'Gelu':
        return fused.has(node.inputs[0]!.node) ? [inputs[0]!] : undefined;
      case 'GeluGrad':
        return fused.has(node.inputs[1]!.node) ? [inputs[0]!] : undefined;
      case 'BatchNormTrainingGrad': {
        const norm = node.inputs[3]!.node as Norm;
        const beta = inputs[3]!.node.inputs[2]!;
        const attrs = { ...node.attrs, gelu: fused.has(norm) };
        return outputsOf(to.add(node.op, attrs, [...inputs, beta], node.outputs, node));
      }
      default:
        return undefined;
    }
  });
}
