import type { Graph } from '../graph.js';
import { shareCommonSubexpressions } from './common-subexpressions.js';
import { removeDeadCode } from './dead-code.js';
import { foldConstants } from './fold-constants.js';
import { fuseAddition } from './fuse-addition.js';
import { fuseActivation } from './fuse-activation.js';
import { fuseBias } from './fuse-bias.js';
import { fuseLinearAttention } from './fuse-linear-attention.js';
import { fuseNormWithGelu } from './fuse-norm-gelu.js';

export { foldBatchNorm, type Weights } from './fold-batch-norm.js';
export { foldConstants, fuseActivation, fuseBias, removeDeadCode, shareCommonSubexpressions };

/** The passes that are right for every graph, training steps included. */
export function simplify(graph: Graph): Graph {
  return removeDeadCode(shareCommonSubexpressions(foldConstants(graph)));
}

/** What makes a training step ready to be written. */
export function prepareTraining(graph: Graph, { nativeOps = false }: { nativeOps?: boolean } = {}): Graph {
  const simple = simplify(graph);
  return nativeOps ? fuseAddition(fuseNormWithGelu(simple)) : simple;
}

/** What makes an evaluation graph ready to be written: simplified, with biases and activations in the convolutions. */
export function prepareInference(graph: Graph, { nativeOps = false }: { nativeOps?: boolean } = {}): Graph {
  const fused = removeDeadCode(fuseActivation(fuseBias(simplify(graph))));
  return nativeOps ? fuseAddition(fuseLinearAttention(fused)) : fused;
}
