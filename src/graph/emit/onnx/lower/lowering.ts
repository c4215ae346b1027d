import type { GraphNode } from '../../../graph.js';
import type { Op } from '../../../ops.js';
import type { PlacedTensor, PlacedTensors } from '../../placed-tensors.js';
import type { OnnxBuilder } from '../onnx-builder.js';

export type OnnxTensors = PlacedTensors<OnnxBuilder>;

/** Writes one node as ONNX nodes. */
export type OnnxLower<O extends Op> = (
  node: Extract<GraphNode, { op: O }>,
  tensors: OnnxTensors,
) => PlacedTensor;

export type OnnxLowerTable<O extends Op> = {
  // Written out: a function for several operations is one for each of them.
  readonly [K in O]: (node: Extract<GraphNode, { op: K }>, tensors: OnnxTensors) => PlacedTensor;
};
