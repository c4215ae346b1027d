import type { GraphNode } from '../../graph.js';
import type { Op } from '../../ops.js';
import type { NodeBuilder } from '../node-builder.js';

/** How a graph is written for TensorFlow. */
export interface LowerOptions {
  /** Operations of our own library may be used (`native/`): never in a graph that is exported. */
  readonly nativeOps?: boolean;
  /** Write 1×1 convolutions and their gradients as matrix products: faster on a CPU, and TensorFlow fuses them with a following GELU. */
  readonly pointwiseAsMatMul?: boolean;
}

/** Writes one node as TensorFlow nodes; gives the names of its outputs. */
export type Lower<O extends Op> = (
  node: Extract<GraphNode, { op: O }>,
  inputs: readonly string[],
  to: NodeBuilder,
  options: LowerOptions,
) => string[];

export type LowerTable<O extends Op> = { readonly [K in O]: Lower<K> };
