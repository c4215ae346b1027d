import type { DType } from './host-value.js';
import type { Op, OpAttrs } from './ops.js';

/** Type of a tensor. A length of -1 is the batch of a graph whose batch is open (see `open-batch.ts`). */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** One output of a node. */
export interface Ref {
  readonly node: GraphNode;
  readonly output: number;
}

interface NodeOf<O extends Op> {
  readonly op: O;
  /** Position in the graph it was made for: unique there, ascending. */
  readonly id: number;
  readonly attrs: OpAttrs[O];
  readonly inputs: readonly Ref[];
  readonly outputs: readonly TensorType[];
  /** Module the node computes for, as the checkpoint names it (`stages.0.blocks.1.token_mixer`); empty outside of any. */
  readonly scope: string;
  /** Whether it was recorded in the backward pass. */
  readonly backward: boolean;
}

/** A node; `op` tells its attributes. */
export type GraphNode = { readonly [O in Op]: NodeOf<O> }[Op];

/** Where a node stands in the model, for names, errors and profiles. */
export interface Place {
  readonly scope: string;
  readonly backward: boolean;
}

/**
 * Tensor operations in the order they may run in: every node comes after its inputs. Pure but for its variables: a run gives `outputs` and, if it is asked to,
 * writes `updates` to the variables they name.
 */
export class Graph {
  readonly nodes: GraphNode[] = [];
  /** Results by name. */
  readonly outputs = new Map<string, Ref>();
  /** What variables hold after a step, by name; the others keep their value. */
  readonly updates = new Map<string, Ref>();

  /** Appends a node. */
  add<O extends Op>(
    op: O,
    attrs: OpAttrs[O],
    inputs: readonly Ref[],
    outputs: readonly TensorType[],
    place: Place = { scope: '', backward: false },
  ): GraphNode {
    const { scope, backward } = place;
    const node = {
      op,
      attrs,
      inputs,
      outputs,
      id: this.nodes.length,
      scope,
      backward,
    } as unknown as GraphNode;
    this.nodes.push(node);
    return node;
  }

  /** Appends a node of one output. */
  one<O extends Op>(
    op: O,
    attrs: OpAttrs[O],
    inputs: readonly Ref[],
    output: TensorType,
    place?: Place,
  ): Ref {
    return { node: this.add(op, attrs, inputs, [output], place), output: 0 };
  }

  /** Everything whose value leaves the graph. */
  get results(): Ref[] {
    return [...this.outputs.values(), ...this.updates.values()];
  }
}

/** References to all outputs of a node. */
export function outputsOf(node: GraphNode): Ref[] {
  return node.outputs.map((_, output) => ({ node, output }));
}

export function typeOf({ node, output }: Ref): TensorType {
  return node.outputs[output]!;
}

export function shapeOf(ref: Ref): readonly number[] {
  return typeOf(ref).shape;
}

/** The nodes of one operation, with its attributes. */
export function nodesOf<O extends Op>(graph: Graph, op: O): Extract<GraphNode, { op: O }>[] {
  return graph.nodes.filter((node): node is Extract<GraphNode, { op: O }> => node.op === op);
}
