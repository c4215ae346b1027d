import { hasNativeDepthwise } from '../native-ops.js';
import { shapeOf, type Graph, type GraphNode, type Ref } from '../graph.js';
import { removeDeadCode } from './dead-code.js';
import { copyNode, countUses, rewriteGraph } from './rewrite.js';

type Shape4D = readonly [number, number, number, number];

/**
 * For our own operations: what a resizing, linear attention, a batch norm or the input gradient of a depthwise convolution gives, when it is used in an addition only, is added where it
 * is computed. A feature map less is written and read.
 */
export function fuseAddition(graph: Graph): Graph {
  const uses = countUses(graph);
  /** By addition: which of its inputs does it. */
  const takers = new Map<GraphNode, 0 | 1>();
  /** What batch norms add. */
  const addends = new Map<GraphNode, Ref>();
  const taken = new Set<GraphNode>();
  for (const node of graph.nodes) {
    if (node.op !== 'Add') continue;
    for (const i of [0, 1] as const) {
      const part = node.inputs[i]!;
      const addend = node.inputs[1 - i]!;
      if (part.output !== 0 || uses(part) !== 1 || taken.has(part.node) || !canAdd(part.node)) continue;
      if (`${shapeOf(part)}` !== `${shapeOf(addend)}`) continue;
      if (part.node.op === 'BatchNormTraining') {
        // It stands where its statistics are wanted, which may be before the addition.
        if (addend.node.id > part.node.id) continue;
        addends.set(part.node, addend);
      }
      takers.set(node, i);
      taken.add(part.node);
      break;
    }
  }

  const fused = rewriteGraph(graph, (node, inputs, to, mapped) => {
    const addend = addends.get(node);
    if (addend !== undefined) return copyNode(node, [...inputs, mapped(addend)], to);
    const i = takers.get(node);
    if (i === undefined) return undefined;
    const part = inputs[i]!;
    if (part.node.op === 'BatchNormTraining') return [part];
    return copyNode(part.node, [...part.node.inputs, inputs[1 - i]!], to);
  });
  return removeDeadCode(fused);
}

/** Whether our own operation for a node takes an addend. */
function canAdd(node: GraphNode): boolean {
  switch (node.op) {
    case 'ResizeBilinear':
    case 'ResizeNearest':
      return node.inputs.length === 1;
    case 'LinearAttention':
      return node.inputs.length === 2;
    case 'BatchNormTraining':
      return node.inputs.length === 3 && node.attrs.gelu === false && shapeOf(node.inputs[0]!).length === 4;
    case 'Conv2dInputGrad': {
      const { inputShape, groups } = node.attrs;
      const filter = shapeOf(node.inputs[1]!) as Shape4D;
      return node.inputs.length === 2 && hasNativeDepthwise(inputShape as unknown as Shape4D, filter, groups);
    }
    default:
      return false;
  }
}
