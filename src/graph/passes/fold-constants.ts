import { typeOf, type Graph, type GraphNode, type Ref } from '../graph.js';
import { hostArray, sizeOf, type HostValue } from '../host-value.js';
import { rewriteGraph } from './rewrite.js';

/** Element-wise operations that are worked out here, in single precision as the engines would. */
const BINARY: Partial<Record<GraphNode['op'], (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Maximum: Math.max,
  Minimum: Math.min,
};
const UNARY: Partial<Record<GraphNode['op'], (x: number) => number>> = {
  Neg: (x) => -x,
  Square: (x) => x * x,
  Sqrt: Math.sqrt,
};
/** Larger results stay computed: a graph should not grow by folding. */
const LARGEST = 1 << 16;

/** Works out what depends on constants alone, and leaves out operations that change nothing (x · 1, x + 0, x / 1). */
export function foldConstants(graph: Graph): Graph {
  return rewriteGraph(graph, (node, inputs, to) => {
    const neutral = withoutEffect(node, inputs);
    if (neutral !== undefined) return [neutral];
    const values = inputs.map(valueOf);
    if (values.length === 0 || !values.every((value) => value !== undefined)) return undefined;
    const folded = compute(node, values);
    if (folded === undefined) return undefined;
    return [to.one('Const', { value: folded }, [], { dtype: folded.dtype, shape: folded.shape }, node)];
  });
}

function valueOf({ node }: Ref): HostValue | undefined {
  return node.op === 'Const' ? node.attrs.value : undefined;
}

function compute(node: GraphNode, values: readonly HostValue[]): HostValue | undefined {
  const { dtype, shape } = node.outputs[0]!;
  if (shape.some((length) => length < 0) || sizeOf(shape) > LARGEST || dtype === 'bool') return undefined;
  const [a, b] = values as [HostValue, HostValue?];
  if (node.op === 'Reshape') return { dtype, shape, data: a.data };
  const unary = UNARY[node.op];
  if (unary !== undefined) return { dtype, shape, data: hostArray(dtype, Array.from(a.data, unary)) };
  const binary = BINARY[node.op];
  if (binary === undefined || b === undefined) return undefined;
  // Broadcasting of scalars only: what losses and optimizers have.
  if (a.data.length !== 1 && b.data.length !== 1 && String(a.shape) !== String(b.shape)) return undefined;
  const at = ({ data }: HostValue, i: number): number => data[data.length === 1 ? 0 : i]!;
  const data = Array.from({ length: sizeOf(shape) }, (_, i) => binary(at(a, i), at(b, i)));
  return { dtype, shape, data: hostArray(dtype, data) };
}

/** The input that a node hands on unchanged. */
function withoutEffect(node: GraphNode, [a, b]: readonly Ref[]): Ref | undefined {
  if (a === undefined || b === undefined) return undefined;
  const keeps = (x: Ref, other: Ref, neutral: number): boolean => {
    const value = valueOf(other);
    return (
      value !== undefined &&
      value.data.length > 0 &&
      value.data.every((number) => number === neutral) &&
      String(typeOf(x).shape) === String(node.outputs[0]!.shape)
    );
  };
  switch (node.op) {
    case 'Mul':
      return keeps(a, b, 1) ? a : keeps(b, a, 1) ? b : undefined;
    case 'Div':
      return keeps(a, b, 1) ? a : undefined;
    // -0 + 0 is 0: not the same number, but equal to it.
    case 'Add':
      return keeps(a, b, 0) ? a : keeps(b, a, 0) ? b : undefined;
    case 'Sub':
      return keeps(a, b, 0) ? a : undefined;
    default:
      return undefined;
  }
}
