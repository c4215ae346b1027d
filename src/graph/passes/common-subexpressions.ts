import type { Graph, GraphNode, Ref } from '../graph.js';
import { copyNode, rewriteGraph } from './rewrite.js';

/** Computes once what is computed several times from the same inputs. Every operation gives the same for the same, so all may be shared. */
export function shareCommonSubexpressions(graph: Graph): Graph {
  const known = new Map<string, readonly Ref[]>();
  return rewriteGraph(graph, (node, inputs, to) => {
    if (node.op === 'Input') return undefined;
    const key = keyOf(node, inputs);
    if (key === undefined) return undefined;
    const shared = known.get(key);
    if (shared !== undefined) return shared;
    const outputs = copyNode(node, inputs, to);
    known.set(key, outputs);
    return outputs;
  });
}

/** Constants longer than this are not compared: the tracer shares the short ones, long ones are weights. */
const LONG = 64;

function keyOf(node: GraphNode, inputs: readonly Ref[]): string | undefined {
  const refs = inputs.map((ref) => `${ref.node.id}:${ref.output}`).join();
  if (node.op !== 'Const') return `${node.op}|${JSON.stringify(node.attrs)}|${refs}|${typeKey(node)}`;
  const { dtype, shape, data } = node.attrs.value;
  return data.length > LONG ? undefined : `Const|${dtype}|${shape.join()}|${data.join()}`;
}

/** Casts of one tensor to different types have the same attributes. */
function typeKey(node: GraphNode): string {
  return node.outputs.map(({ dtype }) => dtype).join();
}
