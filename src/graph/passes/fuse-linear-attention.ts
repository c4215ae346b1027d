import { shapeOf, type Graph, type GraphNode, type Ref } from '../graph.js';
import type { Op } from '../ops.js';
import { removeDeadCode } from './dead-code.js';
import { rewriteGraph } from './rewrite.js';

interface Attention {
  readonly heads: number;
  readonly epsilon: number;
  readonly qk: Ref;
  readonly v: Ref;
}

/**
 * For our own operation: linear attention as `src/layers/linear-attention.ts` computes it, in either order of its products, becomes one node. Nothing is cut into heads,
 * transposed and put together again.
 */
export function fuseLinearAttention(graph: Graph): Graph {
  const fused = rewriteGraph(graph, (node, _, to, mapped) => {
    const found = node.op === 'Reshape' ? attentionOf({ node, output: 0 }) : undefined;
    if (found === undefined) return undefined;
    const { heads, epsilon, qk, v } = found;
    const inputs = [mapped(qk), mapped(v)];
    return [to.one('LinearAttention', { heads, epsilon }, inputs, node.outputs[0]!, node)];
  });
  return removeDeadCode(fused);
}

/** The attention whose heads a reshaping joins. */
function attentionOf(joined: Ref): Attention | undefined {
  const quotient = headsFirst(joined.node.inputs[0]!);
  const divided = quotient && inputsOf(quotient, 'Div');
  const weights = divided && withScalar(divided[1]!, 'Add');
  if (weights === undefined) return undefined;
  const { x: sums, scalar: epsilon } = weights;
  const products = keyFirst(divided![0]!, sums) ?? queryFirst(divided![0]!, sums);
  if (products === undefined) return undefined;

  const [, heads, positions] = shapeOf(products.q) as [number, number, number];
  // Of one position a mean is the number itself, and nothing is left of the multiplication.
  const scaled = withScalar(products.meanK, 'Mul') ?? { x: products.meanK, scalar: 1 };
  if (scaled.scalar !== Math.fround(1 / positions)) return undefined;
  const [q, k, v] = [products.q, scaled.x, products.v].map(cutIntoHeads);
  const [queries, keys] = [q && part(q, 0), k && part(k, 1)];
  if (v === undefined || queries === undefined || keys === undefined || !same(queries, keys))
    return undefined;
  if (`${shapeOf(v)}` !== `${shapeOf(joined)}`) return undefined;
  const features = withScalar(queries, 'Add');
  const elu = features?.scalar === 1 ? inputsOf(features.x, 'Elu') : undefined;
  return elu && { heads, epsilon, qk: elu[0]!, v };
}

interface Products {
  readonly q: Ref;
  readonly meanK: Ref;
  readonly v: Ref;
}

/** q (kᵀ v), beside q · sum of k. */
function keyFirst(values: Ref, weights: Ref): Products | undefined {
  const outer = product(values, false, false);
  const inner = outer && product(outer[1], true, false);
  const weight = product(weights, false, true);
  const sum = weight && sumOver(weight[1], 2);
  if (!outer || !inner || !weight || !sum) return undefined;
  if (!same(outer[0], weight[0]) || !same(inner[0], sum)) return undefined;
  return { q: outer[0], meanK: inner[0], v: inner[1] };
}

/** (q kᵀ) v, beside the sum of q kᵀ. */
function queryFirst(values: Ref, weights: Ref): Products | undefined {
  const outer = product(values, false, false);
  const inner = outer && product(outer[0], false, true);
  const sum = sumOver(weights, 3);
  if (!outer || !inner || !sum || !same(outer[0], sum)) return undefined;
  return { q: inner[0], meanK: inner[1], v: outer[1] };
}

const same = (a: Ref, b: Ref): boolean => a.node === b.node && a.output === b.output;

function nodeOf<O extends Op>(ref: Ref, op: O): Extract<GraphNode, { op: O }> | undefined {
  return ref.node.op === op ? (ref.node as Extract<GraphNode, { op: O }>) : undefined;
}

const inputsOf = (ref: Ref, op: Op): readonly Ref[] | undefined => nodeOf(ref, op)?.inputs;

function product(ref: Ref, transposeA: boolean, transposeB: boolean): readonly [Ref, Ref] | undefined {
  const node = nodeOf(ref, 'MatMul');
  if (node?.attrs.transposeA !== transposeA || node.attrs.transposeB !== transposeB) return undefined;
  return node.inputs as readonly [Ref, Ref];
}

/** What is summed over one axis that stays. */
function sumOver(ref: Ref, axis: number): Ref | undefined {
  const node = nodeOf(ref, 'Sum');
  return node?.attrs.keepDims === true && `${node.attrs.axes}` === `${axis}` ? node.inputs[0] : undefined;
}

/** `[n, heads, positions, size]` of `[n, positions, heads, size]`, or the other way round. */
function headsFirst(ref: Ref): Ref | undefined {
  const node = nodeOf(ref, 'Transpose');
  return `${node?.attrs.perm}` === '0,2,1,3' ? node!.inputs[0] : undefined;
}

/** The feature map that was cut into heads. */
function cutIntoHeads(ref: Ref): Ref | undefined {
  const apart = headsFirst(ref);
  const map = apart && inputsOf(apart, 'Reshape')?.[0];
  return map !== undefined && shapeOf(map).length === 4 ? map : undefined;
}

/** What the first (0) or second (1) half of the channels was cut from. */
function part(ref: Ref, half: 0 | 1): Ref | undefined {
  const node = nodeOf(ref, 'Slice');
  if (node === undefined) return undefined;
  const whole = node.inputs[0]!;
  const channels = shapeOf(ref)[3]!;
  const right = shapeOf(whole)[3] === 2 * channels && `${node.attrs.begin}` === `0,0,0,${half * channels}`;
  return right && `${shapeOf(whole).slice(0, 3)}` === `${shapeOf(ref).slice(0, 3)}` ? whole : undefined;
}

/** A sum or product with a constant, which comes second or first. */
function withScalar(ref: Ref, op: 'Add' | 'Mul'): { x: Ref; scalar: number } | undefined {
  const inputs = inputsOf(ref, op);
  for (const [constant, x] of inputs === undefined ? [] : [inputs, [...inputs].reverse()]) {
    const value = nodeOf(constant!, 'Const')?.attrs.value;
    if (value !== undefined && value.data.length === 1) return { x: x!, scalar: Number(value.data[0]) };
  }
  return undefined;
}
