import { outputsOf, type Graph, type GraphNode, type TensorType } from './graph.js';
import type { OpAttrs } from './ops.js';
import { rewriteGraph } from './passes/rewrite.js';

/** Stands for the batch in shapes of a graph whose batch is open. */
export const OPEN = -1;

/**
 * One graph for any batch out of two graphs of the same code traced at different batch sizes: where they differ is where the batch is.
 *
 * @throws Error naming the node where they differ in anything but the length of an axis, or in two axes of a shape that must be written out
 */
export function openBatch(a: Graph, b: Graph): Graph {
  if (a.nodes.length !== b.nodes.length) throw new Error('the code does other things at another batch size');
  return rewriteGraph(a, (node, inputs, to) => {
    const other = b.nodes[node.id]!;
    if (node.op !== other.op || node.inputs.length !== other.inputs.length)
      throw new Error(`${where(node)}: ${node.op} at one batch size is ${other.op} at another`);
    const outputs = node.outputs.map((type, k): TensorType => ({
      ...type,
      shape: openShape(type.shape, other.outputs[k]!.shape),
    }));
    return outputsOf(to.add(node.op, openAttrs(node, other), inputs, outputs, node));
  });
}

function openShape(a: readonly number[], b: readonly number[]): number[] {
  return a.map((length, i) => (length === b[i] ? length : OPEN));
}

function openAttrs(node: GraphNode, other: GraphNode): OpAttrs[GraphNode['op']] {
  if (JSON.stringify(node.attrs) === JSON.stringify(other.attrs)) return node.attrs;
  if ((node.op === 'Reshape' && other.op === 'Reshape') || (node.op === 'Slice' && other.op === 'Slice')) {
    const key = node.op === 'Reshape' ? 'shape' : 'size';
    const [a, b] = [node.attrs, other.attrs] as unknown as Record<typeof key, number[]>[];
    const shape = openShape(a![key], b![key]);
    const alone = JSON.stringify({ ...a, [key]: 0 }) === JSON.stringify({ ...b, [key]: 0 });
    if (alone && shape.filter((length) => length === OPEN).length === 1)
      return { ...node.attrs, [key]: shape } as OpAttrs['Reshape'] | OpAttrs['Slice'];
  }
  throw new Error(`${where(node)}: ${node.op} depends on the batch size`);
}

function where(node: GraphNode): string {
  return node.scope === '' ? 'outside of every module' : `module "${node.scope}"`;
}
