import type { GraphNode } from '../../graph.js';
import type { Op } from '../../ops.js';
import type { PlacedTensor, PlacedTensors } from '../placed-tensors.js';
import type { CoremlBuilder } from './coreml-builder.js';

export type CoremlTensors = PlacedTensors<CoremlBuilder>;

/** Writes one node as layers. */
export type CoremlLower<O extends Op> = (
  node: Extract<GraphNode, { op: O }>,
  tensors: CoremlTensors,
) => PlacedTensor;

export type CoremlLowerTable<O extends Op> = {
  // Written out: a function for several operations is one for each of them.
  readonly [K in O]: (node: Extract<GraphNode, { op: K }>, tensors: CoremlTensors) => PlacedTensor;
};
