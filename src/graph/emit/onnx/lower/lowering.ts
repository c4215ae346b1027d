import type { GraphNode } from '../../../graph.js';
import type { Op } from '../../../ops.js';
import type { PlacedTensor, PlacedTensors } from '../../placed-tensors.js';
import type { OnnxBuilder } from '../onnx-builder.js';
import type { Ranges } from '../quantization.js';

/**
 * 17 is what every onnxruntime since 1.13 runs. 20 (onnxruntime 1.17) has GELU as one operation: what is made of several is torn apart where 8 bits come out of a
 * convolution.
 */
export type Opset = 17 | 20;

/** How a graph is written for ONNX. */
export interface OnnxLowerOptions {
  readonly opset: Opset;
  /** Computes 1×1 convolutions in 8 bits, by the ranges of what goes in and out of them. */
  readonly ranges?: Ranges;
}

export type OnnxTensors = PlacedTensors<OnnxBuilder>;

/** Writes one node as ONNX nodes. */
export type OnnxLower<O extends Op> = (
  node: Extract<GraphNode, { op: O }>,
  tensors: OnnxTensors,
  options: OnnxLowerOptions,
) => PlacedTensor;

export type OnnxLowerTable<O extends Op> = {
  // Written out: a function for several operations is one for each of them.
  readonly [K in O]: (
    node: Extract<GraphNode, { op: K }>,
    tensors: OnnxTensors,
    options: OnnxLowerOptions,
  ) => PlacedTensor;
};
